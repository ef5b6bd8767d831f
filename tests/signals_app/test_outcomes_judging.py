"""What a signal was worth: moves, gaps, shares and medians, as tables of cases."""

from __future__ import annotations

import random
from statistics import median

import pytest
from django.db import connection

from signals_app.outcomes.judging import Bar, looks, state_of
from signals_app.outcomes.spread import DIGITS, EDGES, counts_of, median_of, spread_sql
from signals_app.outcomes.wilson import interval

UP = [Bar(high=100.0 + n, low=99.0 + n, close=99.5 + n) for n in range(1, 25)]


def test_a_buy_is_right_when_the_price_rises() -> None:
    found = looks(100.0, "BUY", UP)

    assert found.keys() == {1, 4, 24}
    assert found[1].price == 100.5
    assert (found[1].move, found[1].best, found[1].worst) == (0.5, 1.0, 0.0)
    assert (found[4].move, found[4].best, found[4].worst) == (3.5, 4.0, 0.0)
    assert (found[24].move, found[24].best) == (23.5, 24.0)


def test_a_sell_is_right_when_the_price_falls() -> None:
    found = looks(100.0, "SELL", [Bar(high=103.0, low=96.0, close=98.0)])

    assert (found[1].move, found[1].best, found[1].worst) == (2.0, 4.0, -3.0)


def test_the_best_is_below_zero_when_the_price_never_went_the_right_way() -> None:
    (look,) = looks(100.0, "BUY", [Bar(high=99.0, low=97.0, close=98.0)]).values()

    assert (look.best, look.worst) == (-1.0, -3.0)


def test_a_price_that_stays_has_not_moved_and_is_no_minus_zero() -> None:
    (look,) = looks(100.0, "SELL", [Bar(100.0, 100.0, 100.0)]).values()

    assert str(look.move) == str(look.best) == str(look.worst) == "0.0"


def test_a_missing_candle_has_no_price_and_is_counted() -> None:
    bars: list[Bar | None] = [None, UP[1], UP[2], None]

    found = looks(100.0, "BUY", bars)

    assert (found[1].price, found[1].move, found[1].best) == (None, None, None)
    assert found[1].missing == 1
    assert (found[4].price, found[4].move, found[4].missing) == (None, None, 2)
    # The candles that are there did happen.
    assert (found[4].best, found[4].worst) == (3.0, 1.0)


def test_a_gap_on_the_way_leaves_the_price_at_the_end() -> None:
    found = looks(100.0, "BUY", [UP[0], None, UP[2], UP[3]])

    assert (found[4].price, found[4].missing) == (103.5, 1)


def test_no_horizon_is_judged_before_its_last_candle_is_known() -> None:
    assert looks(100.0, "BUY", []) == {}
    assert looks(100.0, "BUY", UP[:3]).keys() == {1}
    assert looks(100.0, "BUY", UP[:23]).keys() == {1, 4}


@pytest.mark.parametrize(
    ("bars", "final", "reason", "state"),
    [
        (UP, False, "", "open"),
        (UP, True, "", "complete"),
        ([None, *UP[1:]], True, "", "gaps"),
        ([None] * 24, True, "reach", "unknown"),
        (UP[:4], True, "stopped", "unknown"),
        ([], True, "nobody", "unknown"),
    ],
)
def test_the_state_says_how_far_it_is_known(
    bars: list[Bar | None], final: bool, reason: str, state: str
) -> None:
    assert state_of(bars, is_final=final, reason=reason) == state


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        # Newcombe (1998), and the usual worked examples.
        (3, 3, 0.4385, 1.0),
        (0, 3, 0.0, 0.5615),
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilsons_interval_is_the_published_one(
    right: int, count: int, low: float, high: float
) -> None:
    found = interval(right, count)

    assert found is not None
    assert found == pytest.approx((low, high), abs=1e-4)


def test_of_nothing_nothing_is_known() -> None:
    assert interval(0, 0) is None
    with pytest.raises(ValueError, match="4 of 3 is no share"):
        interval(4, 3)


def spread(moves: list[float]) -> int:
    """Return what the database adds up for ``moves``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT "  # noqa: S608 - ours
            + spread_sql("move")
            + " FROM unnest(%s::float8[]) AS given (move)",
            [moves],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
def test_sums_of_spreads_are_spreads_of_all() -> None:
    draw = random.Random(4)  # noqa: S311 - moves, not secrets
    first = [draw.gauss(0.1, 1.5) for _ in range(700)]
    second = [draw.gauss(-0.4, 0.2) for _ in range(900)]

    assert spread(first) + spread(second) == spread(first + second)
    assert sum(counts_of(spread(first))) == 700
    assert spread([]) == 0
    assert median_of(0) is None


@pytest.mark.django_db
@pytest.mark.parametrize("scale", [0.03, 0.3, 2.0, 20.0])
def test_the_median_of_classes_is_near_the_true_one(scale: float) -> None:
    draw = random.Random(11)  # noqa: S311 - moves, not secrets
    moves = [draw.gauss(scale / 2, scale) for _ in range(2_000)]

    found, true = median_of(spread(moves)), median(moves)

    assert found is not None
    assert abs(found - true) <= max(0.05, abs(true) / 4)


@pytest.mark.django_db
def test_a_move_on_an_edge_and_beyond_the_last_is_counted() -> None:
    counts = counts_of(spread([EDGES[0], -1e6, 0.0, 1e9]))

    assert sum(counts) == 4
    assert (counts[0], counts[1], counts[-1]) == (1, 1, 1)
    assert 10**DIGITS > 10_000_000  # a class holds more than ten million signals
