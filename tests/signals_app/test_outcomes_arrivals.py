"""What intakes store reaches the ledger: nothing is lost, and nothing twice."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from btc_watcher.lib.timeframes import duration
from signals_app.models import Outcome, OutcomeArrival, OutcomeWork, Signal
from signals_app.outcomes import opening
from signals_app.outcomes import work as work_module
from signals_app.outcomes.opening import arrivals_open, past_open
from signals_app.outcomes.statements import OPEN_ARRIVED
from signals_app.outcomes.work import Verdict, work_claim, work_settle
from tests.signals_app.factories import NOW, candidate
from tests.signals_app.outcome_rows import LATER, judged, path, stored
from tests.signals_app.plans import partitions_read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import redis

pytestmark = pytest.mark.django_db(transaction=True)
UP = path(63_210.5, 1.0)


class UndoneError(Exception):
    """Takes a transaction back."""


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_module, "_months_known", set())


@contextlib.contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads whose connections are closed in the end."""
    gate = threading.Barrier(count)

    def close(_number: int) -> None:
        gate.wait(30)
        connection.close()

    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        finally:
            list(pool.map(close, range(count)))


def waiting() -> list[UUID]:
    return [each for row in OutcomeArrival.objects.all() for each in row.ids]


def opened() -> set[UUID]:
    return set(OutcomeWork.objects.values_list("id", flat=True))


def test_an_intake_notes_its_signals_in_one_row() -> None:
    ids = stored(*[{"pair": f"P{n}/USDT"} for n in range(50)], now=NOW)

    assert sorted(OutcomeArrival.objects.get().ids) == sorted(ids)
    assert not opened()
    assert arrivals_open() == 50
    assert opened() == set(ids)
    assert waiting() == []


def test_what_was_stored_before_is_not_noted_again() -> None:
    stored({}, now=NOW)
    (_old, new) = stored({}, {"pair": "ETH/USDT"}, now=NOW)
    assert waiting() == [candidate().identifier, new]

    stored({}, {"pair": "ETH/USDT"}, now=NOW)
    assert len(waiting()) == 2


def test_an_intake_that_commits_after_a_later_one_is_not_passed_over() -> None:
    begun, commit = threading.Event(), threading.Event()

    def slow() -> UUID:
        with transaction.atomic():
            (identifier,) = stored({"pair": "SLOW/USDT"}, now=NOW)
            begun.set()
            assert commit.wait(30)
        return identifier

    with _threads(1) as pool:
        first = pool.submit(slow)
        assert begun.wait(30)
        (quick,) = stored({"pair": "QUICK/USDT"}, now=NOW)
        assert arrivals_open() == 1
        assert opened() == {quick}
        commit.set()
        late = first.result(30)

    assert arrivals_open() == 1
    assert opened() == {quick, late}
    assert arrivals_open() == 0


def test_who_opens_at_the_same_time_opens_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "ARRIVALS", 3)
    ids = [stored({"pair": f"P{n}/USDT"}, now=NOW)[0] for n in range(40)]
    gate = threading.Barrier(4)

    def work(_number: int) -> int:
        gate.wait(30)
        return arrivals_open()

    with _threads(4) as pool:
        done = list(pool.map(work, range(4)))

    # Whoever finds only what others have locked leaves it to them.
    assert sum(done) + arrivals_open() == 40
    assert opened() == set(ids)


@transaction.atomic
def _open_and_lose_the_connection() -> None:
    arrivals_open()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_killed_in_the_middle_of_opening_it_is_opened_the_next_time() -> None:
    ids = stored({}, {"pair": "ETH/USDT"}, now=NOW)
    with contextlib.suppress(UndoneError), transaction.atomic():
        assert arrivals_open() == 2
        raise UndoneError
    assert not opened()
    assert sorted(waiting()) == sorted(ids)

    # The connection is lost before the end, with the rows written.
    with pytest.raises(OperationalError):
        _open_and_lose_the_connection()
    connection.close()

    assert arrivals_open() == 2
    assert opened() == set(ids)


def test_under_load_every_signal_gets_one_outcome() -> None:
    stop = threading.Event()
    final: list[UUID] = []

    def intake(number: int) -> None:
        # Each pair of threads stores the same signals, some of them at the same time.
        for step in range(15):
            moment = NOW - timedelta(minutes=step)
            stored(
                *[
                    {"pair": f"P{number // 2}-{n}/USDT", "timestamp": moment}
                    for n in range(8)
                ],
                now=NOW,
            )

    def fill() -> None:
        while not stop.is_set():
            claimed = work_claim(now=NOW + LATER, limit=7)
            verdicts = [Verdict(work, UP) for work in claimed.works]
            work_settle(token=claimed.token, verdicts=verdicts, now=timezone.now())
            final.extend(work.id for work in claimed.works)

    with _threads(6) as pool:
        fills = [pool.submit(fill) for _ in range(2)]
        try:
            for each in [pool.submit(intake, number) for number in range(4)]:
                each.result(120)
        finally:
            stop.set()
        for each in fills:
            each.result(60)
    while rest := work_claim(now=NOW + LATER, limit=500).works:
        judged_now(rest)
        final.extend(work.id for work in rest)

    assert len(final) == len(set(final)) == Signal.objects.count() == 2 * 15 * 8
    assert Outcome.objects.filter(state="complete").count() == 240
    assert waiting() == []
    assert not opened()


def judged_now(works: list[Any]) -> None:
    """Finish works that were claimed a moment ago."""
    token = OutcomeWork.objects.get(pk=works[0].id).claim
    assert token
    done = work_settle(
        token=token, verdicts=[Verdict(work, UP) for work in works], now=timezone.now()
    )
    assert done.final == len(works)


def test_what_the_past_has_opened_already_is_not_looked_at_again() -> None:
    ids = stored({}, {"pair": "ETH/USDT"}, now=NOW)
    left = list(OutcomeArrival.objects.all())
    since = NOW - timedelta(days=1)
    for _step in past_open(since=since, until=NOW + timedelta(days=1), now=NOW):
        judged(ids[:1], UP)
    OutcomeArrival.objects.bulk_create(left)

    # One is final and one still open.
    assert arrivals_open() == 0
    assert opened() == {ids[1]}
    assert waiting() == []


def test_signals_of_two_months_and_within_a_millisecond_are_opened() -> None:
    odd = datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    ids = stored({"timestamp": odd}, {}, now=NOW)
    assert arrivals_open() == 2
    assert opened() == set(ids)


def test_a_signal_that_is_gone_again_is_forgotten() -> None:
    stored({}, now=NOW)
    Signal.objects.all().delete()
    assert arrivals_open() == 0
    assert waiting() == []


@pytest.mark.parametrize("timeframe", ["1s", "1m", "15m", "4h", "1d", "3d", "1w", "1M"])
def test_the_first_look_is_when_the_next_candle_closes(timeframe: str) -> None:
    stored({"timeframe": timeframe}, now=NOW)
    arrivals_open()
    assert OutcomeWork.objects.get().due_at == NOW + duration(timeframe)


def test_a_timeframe_that_nobody_can_read_stops_nothing() -> None:
    stored({}, {"pair": "ETH/USDT"}, now=NOW)
    Signal.objects.filter(pair="ETH/USDT").update(timeframe="0x")
    assert arrivals_open() == 2
    assert OutcomeWork.objects.get(pair="ETH/USDT").due_at == NOW


def test_opening_reads_the_months_of_the_signals_alone() -> None:
    ids = stored({}, now=NOW)
    parameters = {"ids": ids, "first": NOW, "last": NOW + timedelta(milliseconds=1)}
    read = partitions_read(OPEN_ARRIVED, parameters=parameters)
    assert len(read) <= 2
