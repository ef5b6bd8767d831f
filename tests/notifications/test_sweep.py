"""What has no task is found again, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue
from notifications import tasks
from notifications.cache import queue_lengths
from notifications.dispatch import messages_send
from notifications.models import Notification, NotificationChannel
from notifications.policy import CLAIM_AHEAD, CLOCKS_APART, LEASE, PUT_OFF_AT_MOST
from notifications.services import notification_claim, notifications_sweep, outbox
from tests.notifications.factories import AT_ONCE, message, notification, thousands

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import redis

pytestmark = pytest.mark.django_db(transaction=True)

EMPTY = dict.fromkeys(PRIORITIES, 0)
BUSY = dict.fromkeys(PRIORITIES, 9)


@pytest.fixture
def mail() -> NotificationChannel:
    return NotificationChannel.objects.create(name="mail", type="email", config=AT_ONCE)


def swept(now: datetime, lengths: dict[str, int] = EMPTY) -> list[int]:
    return [each.id for each in notifications_sweep(lengths=lengths, now=now)]


def test_everything_comes_back_after_redis_was_flushed(
    mail: NotificationChannel, redis_client: redis.Redis
) -> None:
    messages_send(thousands(120, priority="P1"))
    redis_client.flushdb()
    later = timezone.now() + timedelta(seconds=6)
    assert len(swept(later, dict(queue_lengths()))) == 120


def test_the_task_enqueues_what_it_finds(
    mail: NotificationChannel, redis_client: redis.Redis
) -> None:
    earlier = timezone.now() - timedelta(minutes=1)
    notification(mail, now=earlier, priority="P0")
    notification(mail, now=earlier, priority="P2")
    assert tasks.sweep() == 2
    assert [redis_client.llen(notifications_queue(each)) for each in PRIORITIES] == [
        1,
        0,
        1,
    ]
    # Its tasks wait in the queues now, so the next run leaves them alone.
    assert tasks.sweep() == 0


def test_rows_are_enqueued_when_the_broker_comes_back(
    mail: NotificationChannel,
    redis_client: redis.Redis,
    broker_away: Callable[[], None],
) -> None:
    messages_send([message(priority="P0")])
    broker_away()
    assert not redis_client.keys("queue:*")
    later = timezone.now() + timedelta(seconds=6)
    (found,) = notifications_sweep(lengths=queue_lengths(), now=later)
    assert found.priority == "P0"


def test_a_row_whose_task_may_still_come_is_left_alone(
    mail: NotificationChannel,
) -> None:
    now = timezone.now()
    row = notification(mail, now=now, priority="P0")
    assert swept(now + timedelta(seconds=4)) == []
    assert swept(now + timedelta(seconds=29), BUSY) == []
    assert swept(now + timedelta(seconds=31), BUSY) == [row.id]
    # Marked as enqueued just now, it is given the same patience again.
    assert swept(now + timedelta(seconds=34)) == []
    assert swept(now + timedelta(seconds=60), BUSY) == []
    assert swept(now + timedelta(seconds=62), BUSY) == [row.id]


def test_a_claimed_row_is_left_alone_until_its_lease_is_over(
    mail: NotificationChannel,
) -> None:
    now = timezone.now()
    row = notification(mail, now=now)
    assert notification_claim(notification_id=row.id, now=now)
    assert swept(now + LEASE - timedelta(seconds=1)) == []
    assert swept(now + LEASE + timedelta(seconds=1)) == [row.id]


@pytest.mark.parametrize(
    ("status", "due_in", "found"),
    [
        ("retry", -1, True),
        ("retry", 1, False),
        ("sent", -1, False),
        ("failed", -1, False),
        ("pending", 1, False),
    ],
)
def test_only_what_is_due_is_found(
    mail: NotificationChannel, status: str, due_in: int, found: bool
) -> None:
    now = timezone.now()
    row = notification(mail, now=now - timedelta(minutes=1))
    row.metadata["next_attempt_at"] = (now + timedelta(seconds=due_in)).isoformat()
    Notification.objects.filter(id=row.id).update(status=status, metadata=row.metadata)
    assert swept(now) == ([row.id] if found else [])


def test_a_retry_needs_no_patience_with_a_busy_queue(mail: NotificationChannel) -> None:
    now = timezone.now()
    row = notification(mail, now=now)
    Notification.objects.filter(id=row.id).update(status="retry")
    assert swept(now, BUSY) == [row.id]


def test_p0_goes_first_and_new_ones_before_retries(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    ids = {
        name: notification(mail, now=now - timedelta(minutes=1), priority=name[:2]).id
        for name in ("P2", "P0 again", "P1", "P0")
    }
    Notification.objects.filter(id=ids["P0 again"]).update(status="retry")
    monkeypatch.setattr(outbox, "SWEEP_LIMIT", 1)
    order = [swept(now)[0] for _ in ids]
    assert order == [ids["P0"], ids["P0 again"], ids["P1"], ids["P2"]]


def test_a_run_is_bounded(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages_send(thousands(30))
    monkeypatch.setattr(outbox, "SWEEP_LIMIT", 20)
    later = timezone.now() + timedelta(minutes=1)
    assert [len(swept(later)) for _ in range(3)] == [20, 10, 0]


def test_two_sweepers_share_the_rows(mail: NotificationChannel) -> None:
    messages_send(thousands(10))
    later = timezone.now() + timedelta(minutes=1)
    assert len(swept(later) + swept(later)) == 10


def test_a_row_of_another_hand_is_found_too(mail: NotificationChannel) -> None:
    row = Notification.objects.create(
        channel=mail,
        channel_type="email",
        message_type="system",
        content="by hand",
        status="pending",
    )
    (found,) = notifications_sweep(lengths=BUSY, now=timezone.now())
    assert (found.id, found.priority) == (row.id, "P2")


def test_the_search_stays_on_the_index_however_much_was_sent(
    mail: NotificationChannel,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notification_history"
            " (channel_id, channel_type, message_type, content, status, metadata)"
            " SELECT %s, 'email', 'signal', 'x', 'sent', '{\"priority\": \"P1\"}'"
            " FROM generate_series(1, 20000)",
            [mail.id],
        )
        waiting = notification(mail, now=timezone.now() - timedelta(minutes=1))
        cursor.execute("ANALYZE notification_history")
        now = timezone.now()
        parameters: dict[str, Any] = {
            "now": now,
            "now_text": now.isoformat(),
            "lease_over": now - LEASE,
            "claim_ahead": now + CLAIM_AHEAD,
            "put_off": now + PUT_OFF_AT_MOST,
            "future": now + CLOCKS_APART,
            "limit": 10,
        } | {f"before_{priority}": now for priority in PRIORITIES}
        cursor.execute(f"EXPLAIN {outbox.SWEEP}", parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert swept(now) == [waiting.id]
    assert "_status_idx" in plan
    # Empty partitions are as cheap to read as to look up.
    sizes = [line for line in plan.splitlines() if "Seq Scan" in line]
    assert all("_default" in line or "rows=1 " in line for line in sizes), plan
