"""Who must be told of what, by the signals alone."""

from __future__ import annotations

import pytest

from tests.soak.told import EXCUSED_SECONDS, Fact, needlessly_late, to_be_told
from tests.soak.troubles import Trouble

NOON = 1_795_435_200.0
FACT = Fact(
    *("s", "7", "simulated", "BTC/USDT", "1m", "enter_long", "BUY"),
    60.0,
    NOON,
    NOON + 2,
)


def test_a_signal_in_time_is_told() -> None:
    assert to_be_told([FACT]) == {"s"}


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "HOLD"},
        {"strength": 19.9},
        {"received": NOON + 121},
    ],
)
def test_what_holds_is_weak_or_late_is_not_told(
    changes: dict[str, str | float],
) -> None:
    assert to_be_told([FACT._replace(**changes)]) == set()  # type: ignore[arg-type]


def series(*received: float, **first: object) -> list[Fact]:
    """Return one mark on candles in a row, stored so many seconds after their closes."""
    found = [
        FACT._replace(
            identifier=str(n), close=NOON + 60 * n, received=NOON + 60 * n + seconds
        )
        for n, seconds in enumerate(received)
    ]
    return [found[0]._replace(**first), *found[1:]]  # type: ignore[arg-type]


def test_of_marks_in_a_row_the_first_is_told() -> None:
    assert to_be_told(series(1, 1, 1, 1)) == {"0"}
    assert to_be_told([each for each in series(1, 1, 1, 1) if each[0] != "1"]) == {
        *("0", "2")
    }


def test_a_row_that_began_late_or_weak_is_told_with_its_first_notable_one() -> None:
    assert to_be_told(series(500, 1, 1)) == {"1"}
    assert to_be_told(series(1, 1, 1, strength=5.0)) == {"1"}


def test_what_was_stored_afterwards_told_nobody_before() -> None:
    assert to_be_told(series(100, 1, 1)) == {"0", "1"}


def test_other_pairs_and_marks_are_no_row() -> None:
    first, second = series(1, 1)
    assert len(to_be_told([first, second._replace(pair="ETH/USDT")])) == 2
    assert len(to_be_told([first, second._replace(mark="exit_long")])) == 2


def test_what_is_late_needs_a_fault_that_explains_it() -> None:
    late = FACT._replace(received=NOON + 200)
    span = NOON - 10, NOON + 900
    assert needlessly_late([FACT], [], span) == []
    assert needlessly_late([late], [], span) == [
        "7 BTC/USDT enter_long at 12:00 came 200 s later"
    ]
    assert needlessly_late([late], [], (NOON + 1, NOON + 900)) == []
    fault = Trouble("bot killed", "x", NOON + 3, NOON + 3)
    assert needlessly_late([late], [fault], span) == []
    old = fault._replace(
        begin=NOON - EXCUSED_SECONDS - 9, end=NOON - EXCUSED_SECONDS - 9
    )
    assert len(needlessly_late([late], [old], span)) == 1
