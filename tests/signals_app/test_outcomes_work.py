"""What is open: noted with the signal, claimed by one, written exactly once."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from btc_watcher.lib.partitions import OUTCOMES
from signals_app.models import (
    Outcome,
    OutcomeArrival,
    OutcomeDay,
    OutcomeStale,
    OutcomeWork,
    Signal,
)
from signals_app.outcomes import work as work_module
from signals_app.outcomes.days import days_refresh
from signals_app.outcomes.opening import arrivals_open, past_open
from signals_app.outcomes.work import (
    CLAIM_SECONDS,
    Verdict,
    work_claim,
    work_settle,
)
from strategies.models import Strategy
from tests.signals_app.factories import NOW, candidate
from tests.signals_app.outcome_rows import LATER, judged, path, stored
from tests.signals_app.plans import partitions_read

if TYPE_CHECKING:
    import redis

pytestmark = pytest.mark.django_db(transaction=True)
UP = path(63_210.5, 1.0)


class UndoneError(Exception):
    """Takes a transaction back."""


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_module, "_months_known", set())


def rows(*names: str) -> list[tuple[Any, ...]]:
    return list(Outcome.objects.order_by("timestamp", "pair").values_list(*names))


def test_a_signal_is_opened_as_it_was(redis_client: redis.Redis) -> None:
    tiny = 0.000012345678
    (identifier,) = stored({"price": tiny, "mark": "exit_short"}, now=NOW)

    assert arrivals_open() == 1
    work = OutcomeWork.objects.get()
    assert (work.id, work.timestamp) == (identifier, NOW)
    assert work.due_at == NOW + timedelta(minutes=1)
    # Not what eight decimals leave of it.
    assert work.price == tiny
    assert work.is_exit
    assert (work.pair, work.timeframe, work.signal_type) == ("BTC/USDT", "1m", "BUY")


def test_a_contradiction_and_a_repeated_candle_make_no_work() -> None:
    stored({"signal_type": "HOLD", "mark": "enter_long+exit_long"}, now=NOW)
    assert arrivals_open() == 0
    assert not OutcomeWork.objects.exists()

    (identifier,) = stored({}, now=NOW)
    judged([identifier], UP)
    stored({"source": "backfill"}, now=NOW)
    assert not OutcomeArrival.objects.exists()

    assert Signal.objects.count() == 2
    assert not OutcomeWork.objects.exists()


def test_a_signal_that_is_taken_back_leaves_no_work() -> None:
    with contextlib.suppress(UndoneError), transaction.atomic():
        stored({}, now=NOW)
        raise UndoneError
    assert not OutcomeArrival.objects.exists()


def test_what_is_due_is_given_to_one_at_a_time() -> None:
    stored(*[{"pair": f"P{n}/USDT"} for n in range(40)], now=NOW)
    arrivals_open()
    gate = threading.Barrier(4)

    def claim(_number: int) -> list[UUID]:
        try:
            gate.wait(10)
            claimed = work_claim(now=NOW + timedelta(hours=1), limit=10)
            return [work.id for work in claimed.works]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = [each for ids in pool.map(claim, range(4)) for each in ids]

    assert len(found) == len(set(found))
    # Rows that were locked at the moment are left for the next look.
    left = work_claim(now=NOW + timedelta(hours=1), limit=100).works
    assert len(found) + len(left) == 40


def test_what_is_not_due_or_somebody_elses_is_left() -> None:
    stored({}, now=NOW)
    assert work_claim(now=NOW, limit=10).works == []
    due = NOW + timedelta(minutes=1)
    assert len(work_claim(now=due, limit=10).works) == 1
    assert work_claim(now=due + timedelta(seconds=5), limit=10).works == []
    # Whoever had it was killed: it comes back.
    again = due + timedelta(seconds=CLAIM_SECONDS)
    assert len(work_claim(now=again, limit=10).works) == 1


def test_an_outcome_is_filled_step_by_step_and_then_final() -> None:
    (identifier,) = stored({}, now=NOW)
    later = timezone.now() + timedelta(hours=1)

    judged([identifier], UP[:1], due=later)
    assert rows("state", "move_1", "move_4", "missing_1", "missing_4") == [
        ("open", 1.0, None, 0, None)
    ]
    judged([identifier], UP[:7], due=later)
    assert rows("state", "move_4", "move_24") == [("open", 1.0, None)]
    assert OutcomeWork.objects.get().known == 4
    judged([identifier], UP, due=later)
    assert rows("state", "move_24") == [("open", 1.0)]
    judged([identifier], UP)

    assert rows("state", "price_24", "missing_24") == [
        ("complete", pytest.approx(63_842.605), 0)
    ]
    assert not OutcomeWork.objects.exists()


def test_who_has_lost_the_claim_writes_nothing() -> None:
    stored({}, now=NOW)
    due = NOW + timedelta(minutes=1)
    slow = work_claim(now=due, limit=10)
    quick = work_claim(now=due + timedelta(seconds=CLAIM_SECONDS), limit=10)
    work_settle(
        token=quick.token,
        verdicts=[Verdict(quick.works[0], UP, NOW + LATER)],
        now=NOW,
    )

    done = work_settle(
        token=slow.token,
        verdicts=[Verdict(slow.works[0], path(63_210.5, -5.0))],
        now=NOW,
    )

    assert (done.written, done.final) == (0, 0)
    assert rows("move_24", "state") == [(1.0, "open")]
    assert OutcomeWork.objects.count() == 1


def test_settling_twice_changes_nothing() -> None:
    stored({}, now=NOW)
    claimed = work_claim(now=NOW + timedelta(hours=1), limit=10)
    verdicts = [Verdict(claimed.works[0], UP)]

    first = work_settle(token=claimed.token, verdicts=verdicts, now=NOW)
    second = work_settle(token=claimed.token, verdicts=verdicts, now=NOW)

    assert (first.written, first.final) == (1, 1)
    assert (second.written, second.final) == (0, 0)
    assert Outcome.objects.count() == 1


def test_a_crash_in_the_middle_of_writing_leaves_all_or_nothing() -> None:
    (identifier,) = stored({}, now=NOW)
    claimed = work_claim(now=NOW + timedelta(hours=1), limit=10)
    with contextlib.suppress(UndoneError), transaction.atomic():
        work_settle(
            token=claimed.token, verdicts=[Verdict(claimed.works[0], UP)], now=NOW
        )
        raise UndoneError

    assert not Outcome.objects.exists()
    assert not OutcomeStale.objects.exists()
    assert OutcomeWork.objects.get().id == identifier


def test_a_corrected_candle_replaces_what_was_seen() -> None:
    (identifier,) = stored({}, now=NOW)
    judged([identifier], UP, due=NOW + LATER)

    judged([identifier], path(63_210.5, -2.0))

    assert rows("move_1", "move_24", "state") == [(-2.0, -2.0, "complete")]
    assert OutcomeDay.objects.get().right_1 == 0


def test_a_late_candle_closes_a_gap_and_a_forgotten_one_opens_none() -> None:
    (identifier,) = stored({}, now=NOW)
    judged([identifier], [None, *UP[1:4]], due=NOW + LATER)
    assert rows("missing_1", "missing_4", "price_1") == [(1, 1, None)]

    judged([identifier], UP[:4], due=NOW + LATER)
    assert rows("missing_1", "missing_4", "move_1") == [(0, 0, 1.0)]

    # The bot was restarted, and its candles begin later now.
    judged([identifier], [*[None] * 20, *UP[20:]], reason="reach")
    assert rows("missing_1", "move_1", "missing_4", "move_4") == [(0, 1.0, 0, 1.0)]
    assert rows("missing_24", "move_24", "state") == [(20, 1.0, "gaps")]


def test_a_last_look_without_a_bot_does_not_undo_what_is_known() -> None:
    (identifier,) = stored({}, now=NOW)
    judged([identifier], UP, due=NOW + LATER)
    judged([identifier], [], reason="stopped")

    assert rows("state", "reason", "move_24") == [("complete", "", 1.0)]


def test_a_signal_without_candles_is_closed_as_unknown_with_a_reason() -> None:
    (identifier,) = stored({}, now=NOW)
    judged([identifier], [], reason="nobody")

    assert rows("state", "reason", "missing_1") == [("unknown", "nobody", None)]
    day = OutcomeDay.objects.get()
    assert (day.signals, day.unknown, day.count_1, int(day.spread_1)) == (1, 1, 0, 0)


def test_rows_lie_in_the_month_of_their_signal() -> None:
    old = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    (identifier,) = stored({"timestamp": old}, now=NOW)
    judged([identifier], UP)

    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM signal_outcomes")
        assert cursor.fetchall() == [("signal_outcomes_2026_03",)]
        cursor.execute("DROP TABLE signal_outcomes_2026_03, signals_2026_03")


def test_days_are_summed_up_by_strategy_and_utc_day() -> None:
    strategy = Strategy.objects.create(name="mine")
    own = {"strategy_id": strategy.pk, "strategy_name": "mine"}
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    last = stored(
        {**own, "timestamp": midnight - timedelta(minutes=1)},
        {**own, "timestamp": midnight},
        {**own, "timestamp": midnight, "pair": "ETH/USDT"},
        {"timestamp": midnight, "strategy_name": "posted"},
        now=NOW,
    )
    judged(last[:2], path(63_210.5, 2.0))
    judged(last[2:], path(63_210.5, -1.0))

    found = OutcomeDay.objects.order_by("day", "strategy_name").values_list(
        "day", "strategy_id", "strategy_name", "count_24", "right_24", "sum_24"
    )
    assert list(found) == [
        (date(2026, 11, 19), strategy.pk, "", 1, 1, 2.0),
        (date(2026, 11, 20), strategy.pk, "", 2, 1, 1.0),
        (date(2026, 11, 20), 0, "posted", 1, 0, -1.0),
    ]
    assert not OutcomeStale.objects.exists()


def test_what_is_written_while_a_day_is_summed_up_is_not_lost() -> None:
    ids = stored({}, {"pair": "ETH/USDT"}, now=NOW)
    judged(ids[:1], UP)
    claimed = work_claim(now=NOW + LATER, limit=10, only=ids[1:])
    started = threading.Event()

    def write() -> None:
        try:
            started.set()
            work_settle(
                token=claimed.token, verdicts=[Verdict(claimed.works[0], UP)], now=NOW
            )
        finally:
            connection.close()

    OutcomeStale.objects.create(
        day=NOW.date(), strategy_name="ema cross", strategy_id=0
    )
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert days_refresh(batches=1) == 1
            writing = pool.submit(write)
            assert started.wait(10)
        writing.result(30)
    assert OutcomeStale.objects.count() == 1
    days_refresh()
    assert OutcomeDay.objects.get().count_1 == 2


def test_the_past_is_opened_in_batches_and_only_once() -> None:
    ids = stored(
        *[{"timestamp": NOW - timedelta(minutes=n)} for n in range(25)],
        {"signal_type": "HOLD", "mark": "enter_long+exit_long"},
        now=NOW,
    )
    judged(ids[:5], UP)
    OutcomeWork.objects.all().delete()

    def opened(**more: Any) -> list[UUID]:
        since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)
        steps = list(past_open(since=since, until=until, now=NOW, batch=7, **more))
        assert sum(step.read for step in steps) == 26
        return [each for step in steps for each in step.ids]

    first = opened()
    assert sorted(first) == sorted(ids[5:25])
    assert OutcomeWork.objects.count() == 20
    assert opened() == []
    assert OutcomeWork.objects.values_list("due_at", flat=True).distinct().get() == NOW


def test_the_past_is_looked_at_again_where_it_was_unknown() -> None:
    tiny = 0.000012345678
    ids = stored(
        {"price": tiny, "mark": "exit_long", "signal_type": "SELL"},
        {"pair": "A/USDT"},
        {"pair": "B/USDT"},
        now=NOW,
    )
    judged(ids[:1], [], reason="stopped")
    judged(ids[1:2], [None, *UP[1:]])
    judged(ids[2:], UP)
    since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)

    (step,) = past_open(since=since, until=until, now=NOW, again=True)

    assert sorted(step.ids) == sorted(ids[:2])
    again = OutcomeWork.objects.get(pk=ids[0])
    # From the signal itself, as exact as it was then.
    assert (again.price, again.is_exit) == (tiny, True)


def test_opening_a_batch_reads_the_months_of_its_range() -> None:
    from signals_app.outcomes.statements import PAST  # noqa: PLC0415 - here alone

    parameters = {
        "since": NOW - timedelta(days=3),
        "until": NOW,
        "after": uuid4(),
        "strategy": None,
        "again": False,
        "limit": 2_000,
        "due": NOW,
    }
    assert len(partitions_read(PAST, parameters=parameters)) <= 2


def test_one_outcome_is_looked_for_in_its_own_month() -> None:
    from signals_app.outcomes.reading import outcome_of  # noqa: PLC0415 - here alone

    (identifier,) = stored({}, now=NOW)
    judged([identifier], UP)
    signal = Signal.objects.get(pk=identifier)
    found = outcome_of(signal)

    assert found is not None
    assert found.move_24 == 1.0
    query = str(Outcome.objects.filter(pk=identifier, timestamp=NOW).query)
    assert "signal_outcomes" in query
    assert outcome_of(Signal(id=uuid4(), timestamp=NOW)) is None
    assert candidate().identifier == identifier


def test_the_table_is_cut_by_month_with_a_safety_net() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'signal_outcomes'::regclass"
        )
        children = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT pg_get_partkeydef('signal_outcomes'::regclass)")
        assert cursor.fetchone() == ('RANGE ("timestamp")',)
    assert OUTCOMES.default in children
    assert len(children) >= 5
