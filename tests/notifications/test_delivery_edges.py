"""Odd answers, own mistakes, removed channels and changed limits: nothing repeats or stops."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.redis_keys import (
    PRIORITIES,
    notification_budget,
    notifications_queue,
)
from notifications import cache, tasks
from notifications.budgets import Limit
from notifications.dispatch import messages_send
from notifications.inhibition import inhibited_by
from notifications.models import (
    Alert,
    Notification,
    NotificationChannel,
    NotificationFanOut,
)
from notifications.queues import Queued, tasks_enqueue
from notifications.saying import Words
from notifications.services import (
    alert_raise,
    channel_update,
    delivery,
    notification_deliver,
    notifications_deliver,
    notifications_flush,
    notifications_sweep,
)
from notifications.services.budgets import budget_take
from notifications.transports.base import Receipt
from notifications.transports.email import EmailTransport
from tests.notifications.factories import (
    AT_ONCE,
    NO_LIMITS,
    message,
    notification,
    thousands,
)
from tests.notifications.held import channel, held, later, record, row, rows_of, signals

if TYPE_CHECKING:
    import redis

    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db(transaction=True)
HUGE = (2**31, -(2**40), 2**70)


@pytest.mark.parametrize("code", HUGE)
def test_a_code_that_no_column_holds_does_not_send_the_message_again(
    email_channel: NotificationChannel, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    receipt = Receipt(code=code, detail=f"code {code}", body=f'{{"code": {code}}}')
    monkeypatch.setattr(EmailTransport, "deliver", lambda *_args: receipt)
    first = notification(email_channel, priority="P0")
    notification_deliver(notification_id=first.id)
    stored = row(first.id)
    assert (stored.status, stored.response_code) == ("sent", None)
    assert str(code) in stored.metadata["attempts"][0]["provider"]["body"]

    def refuse(*_args: Any) -> Receipt:
        raise TransportError("Refused.", code=code, permanent=True)

    monkeypatch.setattr(EmailTransport, "deliver", refuse)
    second = notification(email_channel, priority="P0")
    notification_deliver(notification_id=second.id)
    assert row(second.id).status == "failed"


@pytest.mark.parametrize("part", ["gate", "claim_told"])
def test_a_mistake_before_sending_is_an_outcome_and_keeps_nobody_else(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
) -> None:
    first, second = (notification(email_channel) for _ in range(2))
    real = getattr(delivery, part)

    def broken(claim: Any, *rest: Any) -> Any:
        if claim.id == first.id:
            raise KeyError("the secret is hunter2")
        return real(claim, *rest)

    monkeypatch.setattr(delivery, part, broken)
    assert notifications_deliver(ids=[first.id, second.id], seconds=60) == []
    stored = row(first.id)
    assert stored.status == "retry"
    assert "KeyError" in str(stored.error_message)
    assert "hunter2" not in str(stored.error_message)
    assert not {"claim", "unknown_outcome"} & set(stored.metadata)
    assert row(second.id).status == "sent"
    assert len(smtp.received) == 1


def test_a_channel_that_is_removed_in_a_burst_does_not_stop_the_sweeper(
    email_channel: NotificationChannel, redis_client: redis.Redis
) -> None:
    other = channel("other", priority=9, config=AT_ONCE)
    messages_send(thousands(300, priority="P0"))
    assert other.notifications.count() == 0
    other.delete()
    NotificationFanOut.objects.update(created_at=later(timezone.now(), -10))
    lost = notification(email_channel, now=later(timezone.now(), -3600))
    redis_client.flushdb()
    tasks.sweep()
    assert not NotificationFanOut.objects.exists()
    assert redis_client.llen(notifications_queue("P1")) == 1
    assert "enqueued_at" in row(lost.id).metadata
    gone = Notification.objects.filter(channel=None)
    assert gone.count() == 300
    some = gone[0]
    notification_deliver(notification_id=some.id)
    assert row(some.id).status == "failed"
    assert "is gone" in str(row(some.id).error_message)


def test_a_fan_out_that_cannot_be_written_does_not_stop_the_sweeper(
    email_channel: NotificationChannel, redis_client: redis.Redis
) -> None:
    NotificationFanOut.objects.create(
        token="x",
        first_id=1,
        last_id=2,
        placements={"not": "a list"},
        created_at=later(timezone.now(), -10),
    )
    notification(email_channel, now=later(timezone.now(), -3600))
    assert tasks.sweep() == 1
    assert redis_client.llen(notifications_queue("P1")) == 1


def test_tasks_are_made_whatever_a_row_says(redis_client: redis.Redis) -> None:
    rows = [Queued(1, 5, "P1"), Queued(2, None, "P1"), Queued(3, 5, "P9")]
    assert tasks_enqueue(rows) == 3
    assert redis_client.llen(notifications_queue("P2")) == 1


def test_a_clock_that_was_set_back_leaves_nothing_to_wait_for_the_old_time(
    email_channel: NotificationChannel, redis_client: redis.Redis
) -> None:
    channel("other", priority=9, config=AT_ONCE)
    messages_send(thousands(300, priority="P0"))
    future = later(timezone.now(), 86400)
    NotificationFanOut.objects.update(created_at=future)
    early = notification(email_channel, now=future)
    swept = notifications_sweep(
        lengths=dict.fromkeys(PRIORITIES, 9), now=timezone.now()
    )
    assert [each.id for each in swept] == [early.id]
    tasks.sweep()
    assert not NotificationFanOut.objects.exists()


@pytest.mark.parametrize("user", [[], {}, [1], "x", True, 2**70])
def test_a_channel_whose_user_makes_no_sense_keeps_no_message_away(user: Any) -> None:
    told = channel("any", config=AT_ONCE | {"user": user})
    assert len(record(signals(1), told)) == 1


# -- Limits that change --------------------------------------------------------


def test_a_longer_limit_counts_what_was_sent_before_it_was_set(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    limits = NO_LIMITS | {"minute": 100}
    channel_update(email_channel, rate_limit_config=limits)
    for each in record(signals(3, priority="P0"), email_channel, now=timezone.now()):
        notification_deliver(notification_id=each.id)
    # Long ago, as far as a minute is concerned.
    redis_client.zremrangebyscore(notification_budget(email_channel.id), 1, "+inf")
    NotificationChannel.objects.update(rate_limit_config=limits | {"hour": 4})
    queued = record(signals(3, priority="P0"), email_channel, now=timezone.now())
    for each in queued:
        notification_deliver(notification_id=each.id)
    assert len(smtp.received) == 4


def test_a_worker_that_knows_the_shorter_limits_forgets_nothing(
    redis_client: redis.Redis,
) -> None:
    day, minute = Limit(86400, 5), Limit(60, 5)
    cache.budget_load(1, [600.0] * 4, seconds=86400)
    assert cache.budget_take(1, [minute]) == 0
    assert cache.budget_take(1, [minute, day]) != 0
    cache.budget_load(1, [], seconds=60)
    assert cache.budget_take(1, [day]) != 0


def test_limits_that_come_back_count_what_was_sent_without_them(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    limits = NO_LIMITS | {"hour": 4}
    channel_update(email_channel, rate_limit_config=limits)
    assert budget_take(email_channel, "P0", now=timezone.now()) is None
    channel_update(email_channel, rate_limit_config=NO_LIMITS)
    for each in record(signals(4, priority="P0"), email_channel, now=timezone.now()):
        notification_deliver(notification_id=each.id)
    channel_update(email_channel, rate_limit_config=limits)
    (last,) = record(signals(1, priority="P0"), email_channel, now=timezone.now())
    notification_deliver(notification_id=last.id)
    assert len(smtp.received) == 4
    assert (held(last.id) or ("",))[0] == "budget"


def test_what_a_limit_kept_is_told_when_the_limit_is_raised(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    channel_update(email_channel, rate_limit_config=NO_LIMITS | {"day": 1})
    first, second = record(signals(2, priority="P0"), email_channel, now=timezone.now())
    for each in (first, second):
        notification_deliver(notification_id=each.id)
    assert held(second.id) is not None
    channel_update(email_channel, rate_limit_config=NO_LIMITS | {"day": 9})
    told = notifications_flush(now=timezone.now())
    assert [each.id for each in told] == [second.id]


# -- Alerts --------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["a\0b", "half \ud800", uuid.UUID(int=7), datetime(2026, 1, 1, tzinfo=UTC)]
)
def test_an_alert_with_odd_facts_is_raised_and_brought_up_to_date(value: Any) -> None:
    told = channel("any", config=AT_ONCE)
    for _ in range(2):
        alert_raise(
            key="odd",
            priority="P0",
            words=lambda: Words("Odd"),
            context={"what": value},
            now=timezone.now(),
        )
    assert Alert.objects.get(key="odd").context["what"]
    assert len(rows_of(told)) == 1


def test_a_name_that_looks_like_a_number_mutes_nobody() -> None:
    context = {"strategy": "7", "strategy_id": 3, "alert": "strategy:3:stuck"}
    about = message(message_type="alert", context=context)
    assert inhibited_by(about, {"strategy:7"}) == ""
    assert inhibited_by(about, {"strategy:3"}) == "strategy:3"
