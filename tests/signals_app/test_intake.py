"""The intake: once, whole, and with its notifications."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
import redis
from django.db import connection, transaction

from btc_watcher.lib import redis_keys
from notifications.models import Notification, NotificationChannel
from signals_app import services
from signals_app.feed import publisher
from signals_app.models import Signal
from signals_app.services import (
    signals_deliveries_record,
    signals_delivery_record,
    signals_record,
)
from strategies.models import Strategy
from tests.signals_app.factories import NOW, candidate, run_of

pytestmark = pytest.mark.django_db(transaction=True)


class UndoneError(Exception):
    """Takes a transaction back."""


@pytest.fixture(autouse=True)
def _nothing_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher._missed, "events", False)
    monkeypatch.setattr(services, "_months_known", set())


@pytest.fixture
def nobody() -> redis.Redis:
    """A Redis that is not there."""
    return redis.Redis(port=1, socket_connect_timeout=0.2)


@pytest.fixture
def channel() -> NotificationChannel:
    return NotificationChannel.objects.create(name="mail", type="email", config={})


def stream(redis: Any) -> list[dict[str, Any]]:
    entries = redis.xrange(redis_keys.SIGNALS_STREAM)
    return [orjson.loads(fields["data"]) for _, fields in entries]


def test_a_signal_is_stored_with_everything_it_means(redis_client: Any) -> None:
    intake = signals_record([candidate(tag="ema_up")], now=NOW)

    ((identifier, word),) = intake.answers
    signal = Signal.objects.get()
    assert word == "created"
    assert signal.id == identifier
    assert signal.timestamp == NOW
    assert (signal.signal_type, signal.strength_level, signal.priority) == (
        "BUY",
        "strong",
        "P0",
    )
    assert str(signal.price) == "63210.50000000"
    assert signal.indicators == {"rsi": 71.5}
    assert signal.metadata["mark"] == "enter_long"
    assert signal.metadata["strength_source"] == "column"
    assert signal.metadata["tag"] == "ema_up"


def test_a_repeated_candle_is_stored_and_told_once(
    redis_client: Any, channel: NotificationChannel
) -> None:
    first = signals_record([candidate()], now=NOW)
    second = signals_record([candidate(source="backfill")], now=NOW)

    assert [word for _, word in first.answers + second.answers] == [
        "created",
        "duplicate",
    ]
    assert Signal.objects.count() == 1
    assert Notification.objects.count() == 1
    assert len(stream(redis_client)) == 1


def test_equal_signals_in_one_call_are_stored_once(redis_client: Any) -> None:
    intake = signals_record([candidate(), candidate()], now=NOW)

    assert [word for _, word in intake.answers] == ["created", "duplicate"]


def test_one_bad_row_refuses_only_itself(redis_client: Any) -> None:
    intake = signals_record(
        [candidate(pair="A/USDT"), candidate(pair="B" * 30), candidate(pair="C/USDT")],
        now=NOW,
    )

    assert [word for _, word in intake.answers[::2]] == ["created", "created"]
    assert intake.answers[1][0] is None
    assert "has 30 characters" in intake.answers[1][1]


def test_what_only_the_database_refuses_spares_its_neighbours(
    redis_client: Any,
) -> None:
    gone = 10**6
    rows = [candidate(pair=f"P{i}/USDT") for i in range(5)]
    rows[3] = candidate(pair="P3/USDT", strategy_id=gone)

    intake = signals_record(rows, now=NOW)

    assert intake.created == 4
    assert "refused" in intake.refused[0]
    assert Signal.objects.count() == 4


def test_streaks_go_on_over_calls_and_only_the_first_is_told(
    redis_client: Any, channel: NotificationChannel
) -> None:
    for step in run_of(3):
        signals_record([step], now=NOW)

    streaks = Signal.objects.order_by("timestamp").values_list("metadata__streak")
    assert [streak for (streak,) in streaks] == [1, 2, 3]
    assert Notification.objects.count() == 1


def test_a_streak_across_the_end_of_a_month_is_one_streak(redis_client: Any) -> None:
    midnight = datetime(2026, 11, 1, tzinfo=UTC)
    signals_record([candidate(timestamp=midnight - timedelta(minutes=1))], now=NOW)
    signals_record([candidate(timestamp=midnight)], now=NOW)

    assert Signal.objects.get(timestamp=midnight).metadata["streak"] == 2


def test_a_month_without_a_partition_gets_one(redis_client: Any) -> None:
    old = datetime(2019, 3, 5, 7, 0, tzinfo=UTC)

    signals_record([candidate(timestamp=old)], now=NOW)

    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM signals")
        assert cursor.fetchall() == [("signals_2019_03",)]


def test_signal_and_outbox_row_are_committed_together(
    redis_client: Any, channel: NotificationChannel
) -> None:
    def record_and_fail() -> None:
        with transaction.atomic():
            signals_record([candidate()], now=NOW)
            raise UndoneError

    with pytest.raises(UndoneError):
        record_and_fail()

    assert Signal.objects.count() == 0
    assert Notification.objects.count() == 0
    assert stream(redis_client) == []


def test_weak_late_and_contradicting_signals_are_stored_and_not_told(
    redis_client: Any, channel: NotificationChannel
) -> None:
    signals_record(
        [
            candidate(pair="A/USDT", strength=5.0),
            candidate(pair="B/USDT", timestamp=NOW - timedelta(hours=2)),
            candidate(pair="C/USDT", signal_type="HOLD", mark="enter_long+exit_long"),
        ],
        now=NOW,
    )

    assert Signal.objects.count() == 3
    assert Notification.objects.count() == 0
    quiet = Signal.objects.order_by("pair").values_list("metadata__quiet", flat=True)
    assert list(quiet) == ["weak", "late", "hold"]


def test_every_enabled_channel_gets_its_own_row(redis_client: Any) -> None:
    for name, enabled in (("a", True), ("b", True), ("c", False)):
        NotificationChannel.objects.create(name=name, type="email", enabled=enabled)

    signals_record([candidate()], now=NOW)

    told = Notification.objects.values_list("channel__name", "status")
    assert sorted(told) == [("a", "pending"), ("b", "pending")]


def test_the_realtime_list_holds_the_hundred_newest(redis_client: Any) -> None:
    signals_record([candidate(pair=f"P{i}/USDT") for i in range(130)], now=NOW)

    kept = redis_client.lrange(redis_keys.SIGNALS_REALTIME, 0, -1)
    assert len(kept) == 100
    assert orjson.loads(kept[0])["signal"]["pair"].startswith("P")
    assert 0 < redis_client.ttl(redis_keys.SIGNALS_REALTIME) <= 24 * 3600


def test_signals_are_stored_while_redis_is_away(
    nobody: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    channel: NotificationChannel,
) -> None:
    monkeypatch.setattr(publisher, "redis_connection", lambda: nobody)

    intake = signals_record([candidate()], now=NOW)

    assert intake.created == 1
    assert Notification.objects.filter(status="pending").count() == 1


def test_pages_are_told_to_reload_after_redis_was_away(
    redis_client: Any, nobody: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(publisher, "redis_connection", lambda: nobody)
        signals_record([candidate(pair="LOST/USDT")], now=NOW)
    signals_record([candidate(pair="SEEN/USDT")], now=NOW)

    assert [event["type"] for event in stream(redis_client)] == ["reload", "signal"]


def test_five_thousand_signals_are_taken_in_one_call(
    redis_client: Any, channel: NotificationChannel
) -> None:
    strategy = Strategy.objects.create(name="many")
    rows = [candidate(strategy_id=strategy.pk, pair=f"P{i}/USDT") for i in range(5_000)]

    intake = signals_record(rows, now=NOW)

    assert intake.created == 5_000
    assert Signal.objects.count() == 5_000
    assert Notification.objects.count() == 5_000


def test_two_intakes_with_the_same_rows_neither_lock_up_nor_store_twice(
    redis_client: Any,
) -> None:
    rows = [candidate(pair=f"P{i}/USDT") for i in range(300)]

    def record(turned: bool) -> int:
        try:
            return signals_record(rows[::-1] if turned else rows, now=NOW).created
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(record, [True, False, True, False]))

    assert sum(created) == 300
    assert Signal.objects.count() == 300


def test_a_delivery_is_noted_on_the_signal_and_shown(redis_client: Any) -> None:
    ((identifier, _),) = signals_record([candidate()], now=NOW).answers
    assert identifier is not None

    for channel in ("mail", "phone", "mail"):
        signals_delivery_record(signal_id=identifier, channel_name=channel, sent_at=NOW)

    signal = Signal.objects.get()
    assert signal.notification_sent
    assert signal.notification_channels == ["mail", "phone"]
    assert signal.notification_time == NOW
    assert stream(redis_client)[-1]["channel"] == "mail"


def test_a_digest_is_noted_on_all_its_signals(redis_client: Any) -> None:
    pairs = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
    answers = signals_record([candidate(pair=each) for each in pairs], now=NOW).answers
    told = [identifier for identifier, _word in answers[:2] if identifier]

    signals_deliveries_record(
        signal_ids=[*told, uuid4()], channel_name="mail", sent_at=NOW
    )

    noted = Signal.objects.filter(notification_channels=["mail"])
    assert {signal.pk for signal in noted} == set(told)
    shown = {
        event["id"] for event in stream(redis_client) if event["type"] == "delivered"
    }
    assert shown == {str(identifier) for identifier in told}
