"""What was written while the clock stood a month ahead is found when it is right again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from btc_watcher.lib.partitions import NOTIFICATIONS, month_start, months_ensure
from monitoring.database.outbox import outbox_waiting
from monitoring.selectors import outbox_is_late
from notifications import tasks
from notifications.cache import queue_lengths
from notifications.models import Alert, Notification, NotificationFanOut
from notifications.policy import FLUSH_EVERY
from notifications.saying import Words
from notifications.services import (
    alert_raise,
    alerts_repeat,
    fan_outs_overdue,
    messages_record,
    notification_claim,
    notification_deliver,
    notifications_sweep,
)
from notifications.services.budgets import budget_take
from notifications.written import Written
from tests.notifications.held import (
    MORNING,
    NIGHT,
    QUIET,
    channel,
    flush,
    later,
    record,
    row,
    rows_of,
    signals,
)

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.models import NotificationChannel
    from notifications.queues import Queued
    from tests.notifications.fakes import SmtpFake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client", "smtp")]
MONTH = 31 * 86_400
AT_ONCE = {"speed": {"P1": 0, "P2": 0}}


@pytest.fixture
def ahead() -> datetime:
    """A moment of a clock that stands a month ahead, and whose month has a partition."""
    now = timezone.now()
    moment = later(now, MONTH)
    months_ensure(NOTIFICATIONS, [month_start(now), month_start(moment)])
    return moment


def swept(now: datetime) -> list[int]:
    return [each.id for each in notifications_sweep(lengths=queue_lengths(), now=now)]


def put(number: int, **metadata: Any) -> None:
    """Write into a row's metadata."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notification_history SET metadata = metadata || %s::jsonb"
            " WHERE id = %s",
            [json.dumps(metadata, default=str), number],
        )


@pytest.mark.parametrize("delivered", [0, 3], ids=["none sent", "some sent"])
def test_the_rows_of_a_burst_are_written_although_its_task_was_lost(
    ahead: datetime, delivered: int, email_channel: NotificationChannel
) -> None:
    first, second = email_channel, channel("second", priority=9, config=AT_ONCE)
    burst = signals(300, priority="P0")
    messages_record(messages=burst, channels=[first, second], now=ahead)
    assert Notification.objects.count() == 300
    # The clock is right again; what is delivered now has the right time.
    for each in rows_of(first)[:delivered]:
        assert notification_deliver(notification_id=each.id) is not None
    assert Notification.objects.filter(sent_at__lt=timezone.now()).count() == delivered
    assert len(fan_outs_overdue(now=timezone.now())) == 1
    tasks.sweep()
    assert not NotificationFanOut.objects.exists()
    assert len(rows_of(second)) == 300
    assert all(each.sent_at <= timezone.now() for each in rows_of(second))
    # And the rows of the first channel have their tasks again.
    waiting = [each for each in rows_of(first) if each.status == "pending"]
    assert all(each.metadata["enqueued_at"] < str(ahead) for each in waiting)


def test_a_row_that_was_to_be_tried_again_is_tried_now(ahead: datetime) -> None:
    mail = channel(config=AT_ONCE)
    (queued,) = record(signals(1), mail, now=ahead, at_once=True)
    put(queued.id, next_attempt_at=later(ahead, 60), enqueued_at=ahead)
    now = timezone.now()
    assert swept(now) == [queued.id]
    written = Written.of([queued.sent_at])
    claim = notification_claim(notification_id=queued.id, now=now, written=written)
    assert claim is not None


def test_what_is_put_off_by_hours_waits_all_the_same() -> None:
    mail, now = channel(config=AT_ONCE), timezone.now()
    (queued,) = record(signals(1), mail, now=now, at_once=True)
    put(queued.id, next_attempt_at=later(now, 24 * 3600))
    assert swept(later(now, 3600)) == []
    assert notification_claim(notification_id=queued.id, now=later(now, 3600)) is None


def test_a_claim_of_a_worker_that_died_is_not_kept_for_a_month(
    ahead: datetime,
) -> None:
    mail = channel(config=AT_ONCE)
    (queued,) = record(signals(1), mail, now=ahead, at_once=True)
    assert notification_claim(notification_id=queued.id, now=ahead) is not None
    now = timezone.now()
    # A worker whose clock is a little ahead of ours is at work.
    assert notification_claim(notification_id=queued.id, now=later(ahead, -60)) is None
    assert swept(now) == [queued.id]
    again = notification_claim(notification_id=queued.id, now=now)
    assert again is not None
    assert again.lost


def test_what_was_held_until_next_month_is_told(ahead: datetime) -> None:
    mail = channel(config={"speed": {"P1": 60}})
    record(signals(1), mail, now=ahead)
    assert len(flush(timezone.now())) == 1


def test_a_budget_is_not_used_up_for_a_month(ahead: datetime) -> None:
    limited = channel(rate_limit_config={"limits": [{"count": 2, "seconds": 60}]})
    record(signals(3), limited, now=ahead, at_once=True)
    for each in rows_of(limited):
        put(each.id, attempts=[{"at": str(ahead)}])
    assert budget_take(limited, "P0", now=timezone.now()) is None


def test_an_alert_is_repeated_although_it_was_told_next_month(
    ahead: datetime,
) -> None:
    channel()
    alert_raise(key="x", priority="P1", words=_words, context={}, now=ahead)
    assert Alert.objects.get().last_told_at == ahead
    now = timezone.now()
    assert len(alerts_repeat(now=now)) == 1
    assert alerts_repeat(now=later(now, 60)) == []


def _words() -> Words:
    return Words("It is broken", "Mend it.")


# -- What was held is not late when it is released ------------------------------


def released(count: int) -> tuple[NotificationChannel, list[Queued]]:
    """Hold messages through the night and release them in the morning."""
    calm = channel(config={"quiet_hours": QUIET} | AT_ONCE)
    record(signals(count), calm, now=NIGHT)
    return calm, flush(MORNING)


@pytest.mark.parametrize("count", [1, 3])
def test_what_was_held_through_the_night_is_not_late_in_the_morning(
    count: int,
) -> None:
    calm, told = released(count)
    assert len(told) == 1
    soon = MORNING + FLUSH_EVERY
    assert outbox_waiting(soon).seconds <= FLUSH_EVERY.total_seconds()
    assert outbox_waiting(MORNING).due == 1
    assert not outbox_is_late(MORNING + timedelta(seconds=50))
    # But nobody sends it: that is late.
    assert outbox_waiting(MORNING + timedelta(minutes=10)).seconds >= 600
    assert outbox_is_late(MORNING + timedelta(minutes=10))
    assert len(rows_of(calm)) == (1 if count == 1 else count + 1)


@pytest.mark.parametrize("by", [1, 30])
def test_what_was_released_is_claimed_at_once_also_by_a_clock_that_is_behind(
    smtp: SmtpFake, by: int
) -> None:
    _calm, (queued,) = released(1)
    assert row(queued.id).metadata["next_attempt_at"] == MORNING.isoformat()
    behind = MORNING - timedelta(seconds=by)
    claim = notification_claim(notification_id=queued.id, now=behind)
    assert claim is not None


def test_what_a_channel_that_was_switched_off_held_is_due_too() -> None:
    calm = channel(config={"quiet_hours": QUIET} | AT_ONCE)
    record(signals(2), calm, now=NIGHT)
    calm.enabled = False
    calm.save()
    first, _second = flush(MORNING)
    assert notification_claim(notification_id=first.id, now=later(MORNING, -30))
    assert outbox_waiting(MORNING + FLUSH_EVERY).seconds <= 10
    assert {each.metadata["next_attempt_at"] for each in rows_of(calm)} == {
        MORNING.isoformat()
    }
