"""The rules of the oracle, on candles that a person can check."""

from __future__ import annotations

import math

import pytest

from tests.soak import rules
from tests.soak.rules import Bar


def bars(*closes: float, first: int = 0) -> list[Bar]:
    """Candles of a minute each, which open where the one before closed."""
    opens = (closes[0], *closes)
    return [
        Bar(
            (first + n) * rules.MINUTE_MS,
            open_,
            max(open_, close),
            min(open_, close),
            close,
        )
        for n, (open_, close) in enumerate(zip(opens, closes, strict=False))
    ]


def names(found: frozenset[str] | None) -> str:
    assert found is not None
    return "+".join(sorted(found))


def test_the_exponential_average_begins_with_the_plain_one() -> None:
    found = rules.ema([1.0, 2.0, 3.0, 7.0], 3)
    assert [math.isnan(each) for each in found] == [True, True, False, False]
    assert found[2:] == [2.0, 4.5]


def test_the_strength_index_is_a_hundred_when_only_rises_and_fifty_when_even() -> None:
    assert rules.rsi([1.0, 2.0, 3.0, 4.0], 2)[-1] == 100.0
    assert rules.rsi([1.0, 2.0, 1.0], 2)[-1] == 50.0


def test_averages_that_cross_mark_the_candle_of_the_crossing_alone() -> None:
    found = rules.ema_cross(bars(*[100.0] * 20, *[99.0] * 20, 103.0, 104.0, 105.0))
    assert [names(each) for each in found[-3:]] == ["enter_long", "", ""]


def test_equal_averages_are_too_near_to_tell() -> None:
    assert rules.ema_cross(bars(*[100.0] * 30))[-1] is None


def test_an_oversold_market_that_rises_is_entered_and_the_mirror_is_left() -> None:
    falling = [100.0 - number for number in range(20)]
    found = rules.rsi_reversal(bars(*falling, 81.5))
    assert names(found[-1]) == "enter_long"
    rising = [100.0 + number for number in range(20)]
    assert names(rules.rsi_reversal(bars(*rising, 118.5))[-1]) == "exit_long"


def test_a_close_outside_of_the_bands_is_marked() -> None:
    calm = [100.0, 101.0] * 10
    assert names(rules.bollinger(bars(*calm, 104.0))[-1]) == "enter_long"
    assert names(rules.bollinger(bars(*calm, 97.0))[-1]) == "exit_long"
    assert names(rules.bollinger(bars(*calm, 100.4))[-1]) == ""


@pytest.mark.parametrize(
    ("minute", "close", "marks"),
    [
        (4, 101.0, "enter_long"),
        (4, 99.0, ""),
        (5, 99.0, "exit_long"),
        (12, 101.0, "enter_long+exit_long"),
        (20, 99.0, "exit_long"),
        (7, 101.0, ""),
    ],
)
def test_steps_go_by_minute_and_direction(
    minute: int, close: float, marks: str
) -> None:
    found = rules.steps(bars(100.0, close, first=minute - 1))
    assert names(found[-1]) == marks


def test_a_close_outside_of_the_last_five_candles_is_marked() -> None:
    calm = [100.0, 101.0, 100.0, 101.0, 100.0, 101.0]
    assert names(rules.channel(bars(*calm, 101.1))[-1]) == "enter_long"
    assert names(rules.channel(bars(*calm, 99.9))[-1]) == "exit_long"
    assert names(rules.channel(bars(*calm, 101.0))[-1]) == ""


def test_a_rule_says_as_much_as_there_are_candles() -> None:
    for rule in (
        rules.ema_cross,
        rules.rsi_reversal,
        rules.bollinger,
        rules.steps,
        rules.channel,
    ):
        for count in (1, 2, 5, 30):
            assert len(rule(bars(*[100.0 + n for n in range(count)]))) == count
