"""The oracle fails on a mark that is missing, there twice, invented or mispriced."""

from __future__ import annotations

import pytest

from freqtrade_mgmt.simulator import DEFAULT_PAIRS
from freqtrade_mgmt.simulator.market import Market
from tests.soak import judging
from tests.soak.grades import Grade, grade_of
from tests.soak.oracle import Oracle, Stored, Window
from tests.soak.perfect import perfect
from tests.soak.report import FAILED, OK, Report
from tests.soak.rules import MINUTE_MS, Bar
from tests.soak.strategies import SOAKED, by_minute

# 2026-11-23 12:00 UTC, and two hours of it.
NOON_MS = 1_795_435_200_000
WINDOW = Window(NOON_MS, NOON_MS + 120 * MINUTE_MS)
MARKET = Market(DEFAULT_PAIRS, seed=5)


@pytest.fixture(scope="module")
def stored() -> list[Stored]:
    """What a system that makes no mistake has stored."""
    return perfect(MARKET, WINDOW)


def result(rows: list[Stored], window: Window = WINDOW) -> tuple[str, tuple[str, ...]]:
    """Return the result of the check and its details, as a report has them."""
    report = Report(seed=5, minutes=1)
    verdict = Oracle(MARKET, SOAKED).judge(window, rows)
    report.checks.append(judging.marks_check(verdict))
    assert report.ok == verdict.ok
    check = report.checks[0]
    return check.result, check.details


def test_a_system_without_mistakes_passes(stored: list[Stored]) -> None:
    assert len(stored) > 200
    assert {mark.mark for _, mark, *_ in stored} == {
        "enter_long",
        "exit_long",
        "enter_long+exit_long",
    }
    assert result(stored) == (OK, ())


def test_every_single_strategy_and_pair_is_missed_when_it_is_gone(
    stored: list[Stored],
) -> None:
    for strategy in SOAKED:
        for pair in strategy.pairs:
            left = [r for r in stored if r.mark[:2] != (strategy.name, pair)]
            assert result(left)[0] == FAILED


def test_one_mark_that_was_removed_fails_the_run(stored: list[Stored]) -> None:
    for gone in stored[::17]:
        found, details = result([row for row in stored if row != gone])
        assert found == FAILED
        assert details == (f"missing: {gone.mark.told()}",)


def test_one_mark_that_is_there_twice_fails_the_run(stored: list[Stored]) -> None:
    again = stored[3]._replace(identifier="another")
    found, details = result([*stored, again])
    assert found == FAILED
    assert details == (f"twice: {again.mark.told()}",)


@pytest.mark.parametrize(
    "changes",
    [
        {"pair": "MOVED/USDT"},
        {"strategy": "Nobody's"},
        {"mark": "enter_short"},
        {"timeframe": "5m"},
    ],
)
def test_a_mark_that_nothing_asked_for_fails_the_run(
    stored: list[Stored], changes: dict[str, str]
) -> None:
    strange = stored[3].mark._replace(**changes)  # type: ignore[arg-type]
    found, details = result([*stored, stored[3]._replace(mark=strange)])
    assert found == FAILED
    assert details == (f"no such mark: {strange.told()}",)


def test_a_mark_before_the_window_is_not_missed_and_not_invented(
    stored: list[Stored],
) -> None:
    later = Window(WINDOW.first_ms + 60 * MINUTE_MS, WINDOW.last_ms)
    assert result(stored, later)[0] == OK
    old = [row for row in stored if row.mark.close_ms < later.first_ms]
    assert old
    assert result([row for row in stored if row not in old[::2]], later)[0] == OK


def test_another_price_than_the_candles_fails_the_run(stored: list[Stored]) -> None:
    wrong = stored[3]._replace(price=stored[3].price * 1.0001)
    found, details = result([*stored[:3], wrong, *stored[4:]])
    assert found == FAILED
    assert details == (f"another price: {wrong.mark.told()}",)


@pytest.mark.parametrize(
    ("field", "value"),
    [("type", "HOLD"), ("strength", 51.5), ("level", "strange"), ("priority", "P9")],
)
def test_a_mark_of_the_soak_that_is_graded_otherwise_fails_the_run(
    stored: list[Stored], field: str, value: str | float
) -> None:
    place = next(
        n
        for n, row in enumerate(stored)
        if row.mark[:2] == ("Soak Steps", "DOT/USDT") and row.grade.type == "BUY"
    )
    right = stored[place]
    wrong = right._replace(grade=right.grade._replace(**{field: value}))  # type: ignore[arg-type]
    found, details = result([*stored[:place], wrong, *stored[place + 1 :]])
    assert found == FAILED
    told = f"is {wrong.grade.told()}, not {right.grade.told()}"
    assert details == (f"{right.mark.told()} {told}",)


def test_a_level_that_does_not_follow_from_its_strength_fails_the_run(
    stored: list[Stored],
) -> None:
    assert stored[0].mark.strategy.startswith("Demo")
    kind = stored[0].grade.type
    other = stored[0]._replace(grade=grade_of(stored[0].mark.mark, 90))
    assert result([other, *stored[1:]])[0] == OK
    wrong = other._replace(grade=Grade(kind, 90, "weak", "P2"))
    assert result([wrong, *stored[1:]])[0] == FAILED


def test_a_run_in_which_nothing_had_to_be_stored_proves_nothing() -> None:
    nothing = Oracle(MARKET, []).judge(WINDOW, [])
    assert judging.marks_check(nothing).result == FAILED


def test_the_oracle_says_of_one_candle_what_it_had_to_produce(
    stored: list[Stored],
) -> None:
    oracle = Oracle(MARKET, SOAKED)
    mark = stored[7].mark
    strategy = next(each for each in SOAKED if each.name == mark.strategy)
    assert oracle.wanted(strategy, mark.pair, mark.close_ms) == {mark}


def test_soak_strategies_have_the_strength_of_their_minute() -> None:
    found = {by_minute(Bar(minute * MINUTE_MS, 1, 1, 1, 1)) for minute in range(61)}
    assert found == {95.0, 70.0, 45.0, 20.0}
    assert by_minute(Bar(5 * MINUTE_MS, 1, 1, 1, 1)) == 70.0
