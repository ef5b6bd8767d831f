"""A candle close travels by COPY: what is stored and told is the same as one by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from django.db import connection, transaction

from btc_watcher.lib import redis_keys
from notifications.models import Notification, NotificationChannel
from notifications.services import outbox
from signals_app import services, statements
from signals_app.models import OutcomeArrival, Signal
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.signals_app.factories import NOW, candidate, run_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals_app.candidates import Candidate

pytestmark = pytest.mark.django_db(transaction=True)

NEVER = 10**9
ODD_TEXTS = (
    "tab\there",
    "line\nend\r",
    "back\\slash \\N",
    '"quoted"',
    "信号 🚀",
    "\\.",
)


class UndoneError(Exception):
    """Takes a transaction back."""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_months_known", set())


@pytest.fixture
def by_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every batch travel by COPY, in parts of three rows."""
    monkeypatch.setattr(services, "COPY_ROWS", 1)
    monkeypatch.setattr(statements, "PART", 3)
    monkeypatch.setattr(outbox, "COPY_MESSAGES", 1)


def mail(name: str = "mail", **changes: Any) -> NotificationChannel:
    return NotificationChannel.objects.create(name=name, type="email", **changes)


def odd_candidates() -> list[Candidate]:
    """Candidates with everything that a line of COPY could stumble over."""
    strategy = Strategy.objects.create(name="of a row")
    rows = [
        candidate(
            pair=f"P{number}/\\T",
            strategy_name=text,
            tag=text,
            indicators={text: text, "rsi": None, "flag": True, "deep": {"a": [1, 2.5]}},
        )
        for number, text in enumerate(ODD_TEXTS)
    ]
    return [
        *rows,
        candidate(strategy_id=strategy.pk, strategy_version=None),
        candidate(pair="SMALL/USDT", price=0.000000012345, strength=33.33333),
        candidate(pair="LARGE/USDT", price=123_456_789.125, strength=20),
        candidate(pair="WEAK/USDT", strength=1.0),
        candidate(pair="LATE/USDT", timestamp=NOW - timedelta(hours=2)),
        candidate(pair="HOLD/USDT", signal_type="HOLD", mark="enter_long+exit_long"),
        candidate(pair="PROBLEM/USDT", problems=("it is \\ odd",)),
        *run_of(3, pair="RUN/USDT"),
    ]


def everything(redis: Any) -> dict[str, Any]:
    """Return all that an intake leaves, without numbers that are drawn."""
    signals = list(Signal.objects.order_by("id").values())
    told = Notification.objects.order_by("signal_id", "channel_id")
    events = [
        orjson.loads(fields["data"])
        for _, fields in redis.xrange(redis_keys.SIGNALS_STREAM)
    ]
    kept = redis.lrange(redis_keys.SIGNALS_REALTIME, 0, -1)
    return {
        "signals": signals,
        "arrived": [set(row.ids) for row in OutcomeArrival.objects.all()],
        "told": [_untimed(dict(row)) for row in told.values()],
        "events": events,
        "kept": [orjson.loads(each) for each in kept],
    }


def _untimed(row: dict[str, Any]) -> dict[str, Any]:
    row["metadata"].pop("queued_at")
    # Until when depends on the moment of the call.
    for name in ("held", "next_attempt_at"):
        if name in row["metadata"]:
            row["metadata"][name] = True
    return {name: row[name] for name in row if name not in {"id", "sent_at"}}


def forget(redis: Any) -> None:
    Signal.objects.all().delete()
    Notification.objects.all().delete()
    OutcomeArrival.objects.all().delete()
    redis.flushall()


def test_the_same_is_stored_and_told_by_either_way(
    redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail("all", config={"speed": {"P1": 0, "P2": 0}})
    mail("gathers", config={"speed": {"P1": 60, "P2": 300}})
    mail("sells", config={"rules": {"types": ["SELL"]}})
    rows = odd_candidates()
    found = []
    for least in (NEVER, 1):
        monkeypatch.setattr(services, "COPY_ROWS", least)
        monkeypatch.setattr(outbox, "COPY_MESSAGES", least)
        forget(redis_client)
        intake = signals_record(rows, now=NOW)
        assert intake.refused == []
        found.append((intake.answers, everything(redis_client)))

    (_, one), (_, other) = found
    assert found[0][0] == found[1][0]
    for what, expected in one.items():
        assert other[what] == expected, what
    assert len(one["told"]) > len(rows)


def test_what_is_there_already_is_not_copied_again(
    redis_client: Any, by_copy: None
) -> None:
    mail()
    rows = [candidate(pair=f"P{i}/USDT") for i in range(10)]
    signals_record(rows[:4], now=NOW)

    words = [word for _, word in signals_record(rows, now=NOW).answers]

    assert words == ["duplicate"] * 4 + ["created"] * 6
    assert Signal.objects.count() == Notification.objects.count() == 10
    assert redis_client.xlen(redis_keys.SIGNALS_STREAM) == 10


def test_nothing_new_says_nothing(redis_client: Any, by_copy: None) -> None:
    mail()
    signals_record([candidate()], now=NOW)

    assert signals_record([candidate()], now=NOW).created == 0
    assert OutcomeArrival.objects.count() == 1
    assert redis_client.xlen(redis_keys.SIGNALS_STREAM) == 1


def test_a_row_that_somebody_stores_in_this_moment_is_stored_once(
    redis_client: Any, by_copy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail()
    rows = [candidate(pair=f"P{i}/USDT") for i in range(10)]
    signals_record(rows[7:8], now=NOW)

    def nothing(_rows: Sequence[object]) -> set[object]:
        return set()

    # As if that one had come after the look.
    monkeypatch.setattr(services, "rows_known", nothing)
    intake = signals_record(rows, now=NOW)

    assert [word for _, word in intake.answers].count("created") == 9
    assert intake.answers[7][1] == "duplicate"
    assert Signal.objects.count() == Notification.objects.count() == 10
    assert sum(len(row.ids) for row in OutcomeArrival.objects.all()) == 10
    assert redis_client.xlen(redis_keys.SIGNALS_STREAM) == 10


def test_intakes_with_the_same_rows_store_them_once_whoever_is_first(
    redis_client: Any, by_copy: None
) -> None:
    mail()
    rows = [candidate(pair=f"P{i}/USDT") for i in range(400)]

    def record(turned: bool) -> int:
        try:
            return signals_record(rows[::-1] if turned else rows, now=NOW).created
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(record, [True, False, True, False]))

    assert sum(created) == 400
    assert Signal.objects.count() == Notification.objects.count() == 400
    assert sum(len(row.ids) for row in OutcomeArrival.objects.all()) == 400


def test_what_only_the_database_refuses_spares_its_neighbours(
    redis_client: Any, by_copy: None
) -> None:
    mail()
    gone = 10**6
    rows = [candidate(pair=f"P{i}/USDT") for i in range(9)]
    rows[5] = candidate(pair="P5/USDT", strategy_id=gone)

    intake = signals_record(rows, now=NOW)

    assert intake.created == 8
    assert "refused" in intake.refused[0]
    assert Signal.objects.count() == Notification.objects.count() == 8
    assert redis_client.xlen(redis_keys.SIGNALS_STREAM) == 8


def test_months_are_told_apart_and_made(redis_client: Any, by_copy: None) -> None:
    moments = [datetime(2019, month, 1, tzinfo=UTC) for month in (3, 4, 6)]
    rows = [
        candidate(pair=f"P{number}/USDT", timestamp=moment)
        for moment in moments
        for number in range(4)
    ]
    signals_record(rows, now=NOW)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text, count(*) FROM signals GROUP BY 1"
        )
        assert sorted(cursor.fetchall()) == [
            ("signals_2019_03", 4),
            ("signals_2019_04", 4),
            ("signals_2019_06", 4),
        ]


def test_signals_their_notices_and_their_note_are_committed_together(
    redis_client: Any, by_copy: None
) -> None:
    mail()

    def record_and_fail() -> None:
        with transaction.atomic():
            signals_record([candidate()], now=NOW)
            raise UndoneError

    with pytest.raises(UndoneError):
        record_and_fail()

    assert everything(redis_client) == {
        name: [] for name in ("signals", "arrived", "told", "events", "kept")
    }


def test_what_fails_in_the_middle_of_a_copy_stores_nothing(
    redis_client: Any, by_copy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_rows: Sequence[object]) -> list[object]:
        raise UndoneError

    monkeypatch.setattr(services, "_fresh", broken)
    with pytest.raises(UndoneError):
        signals_record([candidate(pair=f"P{i}/USDT") for i in range(9)], now=NOW)
    assert Signal.objects.count() == 0

    monkeypatch.undo()
    assert signals_record([candidate()], now=NOW).created == 1
