"""What is held is told once: alone as itself, several as one digest."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue
from notifications import tasks
from notifications.dispatch import messages_send
from notifications.models import Notification, NotificationChannel
from notifications.services import (
    channel_update,
    flush_moments,
    flushing,
    notification_claim,
    notification_deliver,
    notifications_flush,
    notifications_sweep,
    silence_create,
)
from notifications.services.budgets import budget_take
from tests.notifications.factories import message
from tests.notifications.held import (
    NOW,
    QUIET,
    WINDOW,
    channel,
    flush,
    flush_and_deliver,
    held,
    later,
    record,
    row,
    rows_of,
    signals,
)

if TYPE_CHECKING:
    import redis

    from tests.notifications.conftest import Handled
    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db(transaction=True)

EMPTY = dict.fromkeys(PRIORITIES, 0)


@pytest.fixture
def mail(email_channel: NotificationChannel) -> NotificationChannel:
    """A channel to the fake mail server that gathers by the defaults."""
    config = email_channel.config | {"speed": {}, "language": "en"}
    return channel_update(email_channel, config=config)


def test_p0_goes_at_once_and_the_others_wait_for_their_windows(
    mail: NotificationChannel,
) -> None:
    messages = [message(priority=each, title=each) for each in PRIORITIES]
    queued = record(messages, mail, now=later(WINDOW, 1))
    waits = {each.priority: (each.held, held(each.id)) for each in queued}
    assert waits == {
        "P0": (False, None),
        "P1": (True, ("grouping", later(WINDOW, 60))),
        "P2": (True, ("digest", later(WINDOW, 300))),
    }


def test_a_held_message_is_neither_claimed_nor_swept(mail: NotificationChannel) -> None:
    (waiting,) = record(signals(1), mail)
    much_later = later(NOW, 3600)
    assert notification_claim(notification_id=waiting.id, now=much_later) is None
    assert notifications_sweep(lengths=EMPTY, now=much_later) == []
    assert flush(later(WINDOW, -1)) == []


def test_one_alone_is_sent_as_itself(mail: NotificationChannel, smtp: SmtpFake) -> None:
    (waiting,) = record(signals(1), mail)
    (told,) = flush_and_deliver(WINDOW)
    assert (told.id, told.status) == (waiting.id, "sent")
    assert not {"held", "granted_at", "next_attempt_at"} & set(told.metadata)
    assert smtp.subjects() == ["[P1] ▲ BUY P0/USDT 5m · medium 60"]


def test_several_become_one_digest_with_counts_and_a_table(
    mail: NotificationChannel, smtp: SmtpFake
) -> None:
    members = record(signals(6), mail)
    (digest,) = flush_and_deliver(WINDOW)
    ids = [each.id for each in members]
    assert (digest.metadata["digest_of"], digest.metadata["count"]) == (ids, 6)
    assert (digest.status, digest.message_type) == ("sent", "signal")
    assert smtp.subjects() == ["[P1] 6 signals: buy 4, sell 2"]
    text = digest.content
    assert "From 2026-11-22 12:00 to 2026-11-22 12:00 (UTC)" in text
    assert "Strategies: ema cross 6" in text
    for number in range(6):
        assert f"12:00 P1 ▲ BUY P{number}/USDT 5m · medium 60 (ema cross)" in text
    for each in members:
        member = row(each.id)
        assert member.metadata["collapsed_into"] == digest.id
        assert (member.status, member.sent_at) == ("sent", digest.sent_at)
        assert member.response_code == 250
        assert "held" not in member.metadata
    context = digest.metadata["context"]
    assert context["counts"]["signal_type"] == {"BUY": 4, "SELL": 2}
    assert len(context["rows"]) == 6


def test_a_long_digest_shows_a_part_and_counts_all(mail: NotificationChannel) -> None:
    record(signals(100, priority="P2"), mail)
    (digest,) = flush_and_deliver(WINDOW)
    assert "… and 60 more" in digest.content
    assert digest.metadata["context"]["more"] == 60
    assert digest.metadata["context"]["count"] == 100
    assert len(digest.content) < 4000


def test_priorities_and_channels_have_digests_of_their_own(
    mail: NotificationChannel,
) -> None:
    other = channel("other")
    record(signals(2, priority="P2") + signals(3), mail, other)
    told = [row(each.id) for each in flush(WINDOW)]
    assert sorted(
        (t.channel_id, t.metadata["priority"], t.metadata["count"]) for t in told
    ) == [
        (mail.id, "P1", 3),
        (mail.id, "P2", 2),
        (other.id, "P1", 3),
        (other.id, "P2", 2),
    ]


def test_a_digest_is_in_the_channels_language_and_zone(
    mail: NotificationChannel,
) -> None:
    chinese = channel(
        "zh", config={"language": "zh-hans", "quiet_hours": QUIET | {"from": "23:00"}}
    )
    record(signals(2), chinese)
    (digest,) = flush(WINDOW)
    assert "2026-11-22 20:00" in row(digest.id).content
    assert "Asia/Shanghai" in row(digest.id).content


def test_what_is_not_a_signal_is_called_a_message(mail: NotificationChannel) -> None:
    record([*signals(1), message(message_type="alert", title="disk full")], mail)
    (digest,) = flush(WINDOW)
    assert row(digest.id).message_type == "alert"
    assert row(digest.id).metadata["title"] == "2 messages: buy 1"


def test_handlers_hear_of_every_signal_in_a_digest(
    mail: NotificationChannel, deliveries: Handled
) -> None:
    ids = [uuid.uuid4() for _ in range(3)]
    record([message(signal_id=each, title=str(each)) for each in ids], mail)
    flush_and_deliver(WINDOW)
    (told,) = deliveries
    assert sorted(told["signal_ids"]) == sorted(ids)


def test_members_share_the_digests_retry_and_its_failure(
    mail: NotificationChannel, smtp: SmtpFake, deliveries: Handled
) -> None:
    members = record(signals(3), mail)
    smtp.data_answer = "451 4.3.0 try later"
    (digest,) = flush_and_deliver(WINDOW)
    assert digest.status == "retry"
    assert {row(each.id).status for each in members} == {"pending"}
    assert notifications_sweep(lengths=EMPTY, now=later(WINDOW, 1)) == []
    smtp.data_answer = "554 5.7.1 refused for good"
    Notification.objects.filter(id=digest.id).update(
        metadata={k: v for k, v in digest.metadata.items() if k != "next_attempt_at"}
    )
    notification_deliver(notification_id=digest.id)
    assert row(digest.id).status == "failed"
    for each in members:
        member = row(each.id)
        assert (member.status, member.response_code) == ("failed", 554)
        assert "refused for good" in str(member.error_message)
    assert deliveries == []


def test_members_share_a_late_success(
    mail: NotificationChannel, smtp: SmtpFake
) -> None:
    members = record(signals(3), mail)
    smtp.data_answer = "451 4.3.0 try later"
    (digest,) = flush_and_deliver(WINDOW)
    smtp.data_answer = ""
    Notification.objects.filter(id=digest.id).update(
        metadata={k: v for k, v in digest.metadata.items() if k != "next_attempt_at"}
    )
    notification_deliver(notification_id=digest.id)
    assert {row(each.id).status for each in members} == {"sent"}
    assert len(smtp.received) == 1


def test_two_workers_at_once_make_one_digest(mail: NotificationChannel) -> None:
    record(signals(50), mail)
    together = threading.Barrier(4)

    def work(_worker: int) -> int:
        try:
            together.wait(10)
            return len(notifications_flush(now=WINDOW))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        told = sum(pool.map(work, range(4)))
    assert told == 1
    assert Notification.objects.filter(metadata__has_key="digest_of").count() == 1
    assert Notification.objects.filter(metadata__has_key="collapsed_into").count() == 50
    assert flush(later(WINDOW, 600)) == []


def test_a_worker_that_dies_before_the_commit_leaves_everything_as_it_was(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(signals(5), mail)
    before = list(Notification.objects.order_by("id").values())

    def die(*_args: Any) -> None:
        raise MemoryError("the end")

    with monkeypatch.context() as patched:
        patched.setattr(flushing, "members_collapse", die)
        assert flush(WINDOW) == []
    assert list(Notification.objects.order_by("id").values()) == before
    assert len(flush(WINDOW)) == 1


def test_a_worker_that_dies_after_the_commit_leaves_it_to_the_sweeper(
    mail: NotificationChannel,
) -> None:
    now = timezone.now()
    record(signals(5), mail, now=now)
    (digest,) = flush(later(now, 70))
    # Its task was never enqueued.
    swept = notifications_sweep(lengths=EMPTY, now=later(now, 80))
    assert [each.id for each in swept] == [digest.id]


def test_one_channel_that_cannot_be_told_does_not_hold_up_the_others(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = channel("other")
    record(signals(1), mail, other)

    def broken(each: NotificationChannel, *args: Any, **options: Any) -> Any:
        if each.id == mail.id:
            raise RuntimeError("broken")
        return budget_take(each, *args, **options)

    monkeypatch.setattr(flushing, "budget_take", broken)
    assert [each.channel_id for each in flush(WINDOW)] == [other.id]


def test_a_silence_made_meanwhile_suppresses_what_is_held(
    mail: NotificationChannel,
) -> None:
    waiting = record(signals(3), mail)
    silence = silence_create(
        matcher={"pairs": ["P0/USDT", "P1/USDT"]},
        reason="known",
        by="admin",
        starts_at=NOW,
        ends_at=later(NOW, 3600),
    )
    (told,) = flush(WINDOW)
    assert told.id == waiting[2].id
    for each in waiting[:2]:
        assert row(each.id).status == "failed"
        assert row(each.id).metadata["suppressed"] == {
            "because": "silence",
            "by": str(silence.id),
            "reason": "known",
        }


def test_what_is_held_for_a_channel_that_is_off_fails_with_the_reason(
    mail: NotificationChannel,
) -> None:
    waiting = record(signals(2), mail)
    channel_update(mail, enabled=False)
    rows = flush_and_deliver(WINDOW)
    assert [each.id for each in rows] == [each.id for each in waiting]
    assert {each.status for each in rows} == {"failed"}
    assert all("was switched off" in str(each.error_message) for each in rows)


def test_a_clock_that_jumps_loses_nothing_and_tells_nothing_twice(
    mail: NotificationChannel, smtp: SmtpFake
) -> None:
    now = timezone.now()
    first = record(signals(3), mail, now=now)
    # An hour ahead, and back again.
    (digest,) = flush_and_deliver(later(now, 3600))
    second = record(signals(3, priority="P0"), mail, now=later(now, -3600))
    assert flush(later(now, -3600)) == []
    assert flush(later(now, 3600)) == []
    for each in second:
        notification_deliver(notification_id=each.id)
    ids = [digest.id, *(each.id for each in [*first, *second])]
    assert {row(each).status for each in ids} == {"sent"}
    assert len(smtp.received) == 4
    # Held when the clock was ahead: told when the time has come.
    record(signals(1), mail, now=later(now, 3600))
    assert flush(later(now, 120)) == []
    assert len(flush(later(now, 3660))) == 1


def test_moments_ahead_are_known(mail: NotificationChannel) -> None:
    record(signals(1), mail)
    assert flush_moments(now=later(WINDOW, -11)) == []
    assert flush_moments(now=later(WINDOW, -9)) == [WINDOW]
    assert flush_moments(now=WINDOW) == []


def test_the_task_tells_what_is_due_and_asks_to_be_called_for_what_follows(
    mail: NotificationChannel, redis_client: redis.Redis
) -> None:
    now = timezone.now()
    record(signals(2), mail, now=later(now, -120))
    channel_update(mail, config=mail.config | {"speed": {"P1": 5, "P2": 5}})
    mail.refresh_from_db()
    record(signals(2), mail, now=now)
    assert tasks.flush() == 1
    assert redis_client.llen(notifications_queue("P1")) == 1
    assert redis_client.llen(notifications_queue("P0")) == 1
    # Asked once, however often it runs.
    assert tasks.flush() == 0
    assert redis_client.llen(notifications_queue("P0")) == 1


def test_a_short_window_is_told_at_its_moment(
    mail: NotificationChannel, redis_client: redis.Redis
) -> None:
    channel_update(mail, config=mail.config | {"speed": {"P1": 3}})
    with transaction.atomic():
        messages_send(signals(2))
        assert not redis_client.keys("queue:*")
    assert redis_client.llen(notifications_queue("P0")) == 1
    assert redis_client.llen(notifications_queue("P1")) == 0


def test_the_rows_of_one_channel_are_told_in_parts_when_they_are_very_many(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flushing, "DIGEST_MEMBERS", 30)
    record(signals(50), mail)
    assert [row(each.id).metadata["count"] for each in flush(WINDOW)] == [30]
    assert [row(each.id).metadata["count"] for each in flush(WINDOW)] == [20]
    assert len(rows_of(mail)) == 52
