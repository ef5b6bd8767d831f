"""Budgets: never above the limit, P0 first, and patience when Redis forgot."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import notification_budget
from notifications import cache
from notifications.budgets import Limit, limits_read, limits_stored
from notifications.models import Notification, NotificationChannel
from notifications.policy import BUDGET_BLIND
from notifications.services import (
    channel_test,
    channel_update,
    notification_claim,
    notification_deliver,
    notifications_flush,
)
from notifications.services.budgets import budget_take
from notifications.services.targets import limits_of
from tests.notifications.factories import NO_LIMITS, message
from tests.notifications.held import (
    NOW,
    channel,
    held,
    later,
    record,
    row,
    rows_of,
    signals,
)

if TYPE_CHECKING:
    import redis

    from tests.notifications.fakes import SmtpFake

MINUTE = (Limit(60, 5),)


@pytest.mark.parametrize(
    ("config", "defaults", "limits"),
    [
        ({}, {}, ()),
        ({}, {"minute": 18}, (Limit(60, 18),)),
        ({"minute": 5}, {"minute": 18, "day": 9}, (Limit(60, 5), Limit(86400, 9))),
        ({"minute": None}, {"minute": 18, "second": 2}, (Limit(1, 2),)),
    ],
)
def test_a_channels_limits_go_over_the_transports(
    config: dict[str, Any], defaults: dict[str, int], limits: tuple[Limit, ...]
) -> None:
    assert limits_read(config, defaults) == limits


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"week": 5}, "week"),
        ({"minute": "5"}, "'5'"),
        ({"minute": True}, "True"),
        ({"minute": 0}, "0"),
        ({"day": -1}, "-1"),
        ({"hour": 1.5}, "1.5"),
    ],
)
def test_a_wrong_limit_is_refused_and_a_stored_one_counts_as_absent(
    config: dict[str, Any], names: str
) -> None:
    with pytest.raises(ConfigurationError, match=names):
        limits_read(config, {})
    assert limits_stored(config, {"minute": 18}) == (Limit(60, 18),)


@pytest.mark.parametrize(
    ("most", "others"), [(1, 1), (2, 1), (4, 3), (5, 4), (18, 15), (100, 80)]
)
def test_a_part_is_kept_for_p0(most: int, others: int) -> None:
    limit = Limit(60, most)
    assert limit.for_priority("P0").most == most
    assert limit.for_priority("P1").most == limit.for_priority("P2").most == others


def test_every_transports_defaults_make_sense() -> None:
    for kind in ("sms", "email", "wechat", "feishu", "telegram", "webhook", "apprise"):
        assert limits_of(NotificationChannel(name=kind, type=kind))


def take(limits: tuple[Limit, ...] = MINUTE, number: int = 1) -> float | None:
    return cache.budget_take(number, limits)


def pass_time(client: redis.Redis, seconds: float, number: int = 1) -> None:
    """Make everything in a budget older, as if time had passed in Redis."""
    key = notification_budget(number)
    for member in map(str, client.zrange(key, 0, -1)):
        if member != "ready":
            client.zincrby(key, -seconds * 1000, member)


def test_nothing_is_granted_before_the_past_is_known(redis_client: redis.Redis) -> None:
    assert take() is None
    cache.budget_load(1, [])
    assert take() == 0


def test_a_window_slides(redis_client: redis.Redis) -> None:
    cache.budget_load(1, [])
    assert [take() for _ in range(5)] == [0] * 5
    wait = take()
    assert wait is not None
    assert 59 < wait <= 60
    pass_time(redis_client, 30)
    wait = take()
    assert wait is not None
    assert 29 < wait <= 30
    pass_time(redis_client, 30.1)
    assert take() == 0


def test_the_longest_wait_of_all_windows_counts(redis_client: redis.Redis) -> None:
    limits = (Limit(1, 1), Limit(3600, 2))
    cache.budget_load(1, [10, 20])
    wait = take(limits)
    assert wait is not None
    assert 3579 < wait <= 3580
    # What a shorter window has forgotten the longest still knows.
    assert redis_client.zcard(notification_budget(1)) == 3


def test_a_refusal_takes_nothing_and_force_takes_all_the_same(
    redis_client: redis.Redis,
) -> None:
    cache.budget_load(1, [1] * 5)
    assert take()
    assert redis_client.zcard(notification_budget(1)) == 6
    assert cache.budget_take(1, MINUTE, force=True) == 0
    assert redis_client.zcard(notification_budget(1)) == 7


def test_the_past_is_told_once(redis_client: redis.Redis) -> None:
    cache.budget_load(1, [1, 2, 3])
    cache.budget_load(1, [])
    assert redis_client.zcard(notification_budget(1)) == 4


def test_a_clock_set_back_makes_nobody_wait_for_the_old_time(
    redis_client: redis.Redis,
) -> None:
    cache.budget_load(1, [])
    for _ in range(5):
        take()
    pass_time(redis_client, -7200)
    wait = take()
    assert wait is not None
    # Neither a flood nor two hours.
    assert 59 < wait <= 60


def test_many_workers_together_stay_within_the_budget(
    redis_client: redis.Redis,
) -> None:
    cache.budget_load(1, [])
    together = threading.Barrier(8)

    def work(_worker: int) -> int:
        together.wait(10)
        return sum(take((Limit(60, 20),)) == 0 for _ in range(25))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 20


database = pytest.mark.django_db(transaction=True)


def limited(mail: NotificationChannel, **limits: int) -> NotificationChannel:
    """Return ``mail`` with these limits only."""
    return channel_update(mail, rate_limit_config=NO_LIMITS | limits)


@database
def test_p0_passes_when_the_others_wait(redis_client: redis.Redis) -> None:
    mail = channel(rate_limit_config=NO_LIMITS | {"minute": 5})
    now = timezone.now()
    assert [budget_take(mail, "P2", now=now) for _ in range(4)] == [None] * 4
    hold = budget_take(mail, "P2", now=now)
    assert hold is not None
    assert (hold.why, hold.until > now) == ("budget", True)
    assert budget_take(mail, "P0", now=now) is None
    assert budget_take(mail, "P0", now=now) is not None


@database
def test_what_is_above_the_budget_becomes_one_digest_and_p0_its_own(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, minute=10)
    urgent = [message(priority="P0", title=f"urgent {number}") for number in range(6)]
    queued = record(
        [*signals(20), *signals(5, priority="P2"), *urgent], mail, now=timezone.now()
    )
    # The order of their queues would be the other way round.
    for each in queued:
        notification_deliver(notification_id=each.id)
    assert len(smtp.received) == 10
    waiting = [each.id for each in queued if row(each.id).status == "pending"]
    assert len(waiting) == 21
    assert {(held(each) or ("",))[0] for each in waiting} == {"budget"}
    pass_time(redis_client, 61, mail.id)
    told = notifications_flush(now=later(timezone.now(), 61))
    assert [(each.priority, row(each.id).metadata["count"]) for each in told] == [
        ("P0", 4),
        ("P1", 17),
    ]
    assert row(told[1].id).metadata["context"]["digest"] == "burst"
    for each in told:
        notification_deliver(notification_id=each.id)
    assert {row(each.id).status for each in queued} == {"sent"}
    assert len(smtp.received) == 12


@database
def test_windows_that_find_no_budget_wait_together(
    email_channel: NotificationChannel, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, hour=1)
    channel_update(mail, config=mail.config | {"speed": {}})
    mail.refresh_from_db()
    cache.budget_load(mail.id, [600])
    for minute in range(3):
        now = later(timezone.now(), -600 + minute * 60)
        record(signals(2), mail, now=now)
        assert notifications_flush(now=later(now, 60)) == []
    assert {(held(each.id) or ("",))[0] for each in rows_of(mail)} == {"budget"}
    pass_time(redis_client, 3600, mail.id)
    (digest,) = notifications_flush(now=later(timezone.now(), 3600))
    assert row(digest.id).metadata["count"] == 6


@database
def test_a_digest_that_finds_no_budget_for_its_retry_waits_as_itself(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, minute=1)
    channel_update(mail, config=mail.config | {"speed": {}})
    mail.refresh_from_db()
    now = timezone.now()
    record(signals(3), mail, now=later(now, -60))
    smtp.data_answer = "451 4.3.0 try later"
    (digest,) = notifications_flush(now=now)
    notification_deliver(notification_id=digest.id)
    smtp.data_answer = ""
    stored = row(digest.id)
    Notification.objects.filter(id=digest.id).update(
        metadata={k: v for k, v in stored.metadata.items() if k != "next_attempt_at"}
    )
    assert notification_deliver(notification_id=digest.id) is None
    assert (held(digest.id) or ("",))[0] == "budget"
    record(signals(1), mail, now=now)
    pass_time(redis_client, 61, mail.id)
    told = notifications_flush(now=later(timezone.now(), 61))
    assert [each.id for each in told] == [digest.id]
    # The flush was told a time to come, from which on it is due.
    moment = timezone.now().isoformat()
    due = row(digest.id).metadata | {"next_attempt_at": moment, "granted_at": moment}
    Notification.objects.filter(id=digest.id).update(metadata=due)
    notification_deliver(notification_id=digest.id)
    assert len(smtp.received) == 1
    assert row(digest.id).metadata["count"] == 3


@database
def test_after_a_flush_the_history_fills_the_budget_again(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, hour=4)
    queued = record(signals(8, priority="P0"), mail, now=timezone.now())
    for each in queued:
        notification_deliver(notification_id=each.id)
        # Whatever moment it happens at.
        redis_client.flushdb()
    assert len(smtp.received) == 4
    assert [row(each.id).status for each in queued] == ["sent"] * 4 + ["pending"] * 4


@database
def test_failed_attempts_count_too(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, hour=2)
    smtp.data_answer = "451 4.3.0 try later"
    queued = record(signals(3, priority="P0"), mail, now=timezone.now())
    for each in queued:
        notification_deliver(notification_id=each.id)
        redis_client.flushdb()
    assert [row(each.id).status for each in queued] == ["retry", "retry", "pending"]


@database
def test_while_redis_is_away_everything_waits(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mail = limited(email_channel, minute=20)

    def away(*_args: Any, **_options: Any) -> None:
        raise cache.RedisError("redis://:secret@host")

    monkeypatch.setattr(cache, "budget_take", away)
    (waiting,) = record(signals(1, priority="P0"), mail)
    assert notification_deliver(notification_id=waiting.id) is None
    why, until = held(waiting.id) or ("", NOW)
    assert why == "budget"
    assert until <= timezone.now() + BUDGET_BLIND
    assert "secret" not in caplog.text
    assert not smtp.received
    # A person who presses a button gets an answer all the same.
    assert channel_test(mail).ok


@database
def test_a_test_is_sent_above_the_budget_and_counts(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, minute=1)
    assert channel_test(mail).ok
    assert channel_test(mail).ok
    (waiting,) = record(signals(1, priority="P0"), mail, now=timezone.now())
    assert notification_deliver(notification_id=waiting.id) is None


@database
def test_many_workers_with_one_channel_stay_within_its_budget(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, minute=7)
    cache.budget_load(mail.id, [])
    ids = [
        each.id for each in record(signals(30, priority="P0"), mail, now=timezone.now())
    ]

    def work(number: int) -> None:
        try:
            for each in ids[number::6]:
                notification_deliver(notification_id=each)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(smtp.received) == 7
    assert sum(row(each).status == "pending" for each in ids) == 23


@database
def test_what_others_are_about_to_send_counts_when_the_past_is_read(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, minute=2)
    others, own = record(signals(2, priority="P0"), mail, now=timezone.now())
    assert notification_claim(notification_id=others.id, now=timezone.now())
    notification_deliver(notification_id=own.id)
    assert len(smtp.received) == 1
    assert budget_take(mail, "P0", now=timezone.now()) is not None


@database
def test_a_grant_that_was_not_used_in_time_is_taken_anew(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    mail = limited(email_channel, minute=10)
    channel_update(mail, config=mail.config | {"speed": {}})
    mail.refresh_from_db()
    now = timezone.now()
    record(signals(1), mail, now=now - timedelta(minutes=5))
    (told,) = notifications_flush(now=now - timedelta(minutes=3))
    assert redis_client.zcard(notification_budget(mail.id)) == 2
    notification_deliver(notification_id=told.id)
    assert redis_client.zcard(notification_budget(mail.id)) == 3
    assert row(told.id).status == "sent"
