"""What a signal was worth, from the candles after it. Pure: no clock, no database.

Moves are in percent of the signal's price and in its direction. BUY (enter_long and
exit_short) says that the price will rise, SELL (enter_short and exit_long) that it will
fall; a fall after SELL is a gain. So an exit is judged by what it spared: exit_long was
right when the price fell after it, exit_short when it rose. HOLD says nothing and is
never judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from signals_app.outcomes.models import OutcomeState

if TYPE_CHECKING:
    from collections.abc import Sequence

HORIZONS: Final = (1, 4, 24)
LONGEST: Final = HORIZONS[-1]
DIRECTIONS: Final = {"BUY": 1, "SELL": -1}


class Bar(NamedTuple):
    """A closed candle."""

    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True)
class Look:
    """One horizon: the close of its last candle, and the moves in percent.

    ``missing`` counts the candles of the way that are not there. Without its last
    candle there is no price and no move; ``best`` and ``worst`` are those of the
    candles that are there, None without any. ``best`` is below 0 when the price never
    went the right way.
    """

    price: float | None
    move: float | None
    best: float | None
    worst: float | None
    missing: int


def looks(
    price: float, signal_type: str, bars: Sequence[Bar | None]
) -> dict[int, Look]:
    """Return the horizons that ``bars`` reach.

    ``bars`` are the candles after the signal's own, in order, as far as it is known
    what they are; None is one that is missing for good.
    """
    sign = DIRECTIONS[signal_type]
    return {
        horizon: _look(price, sign, bars[:horizon])
        for horizon in HORIZONS
        if horizon <= len(bars)
    }


def state_of(bars: Sequence[Bar | None], *, is_final: bool, reason: str) -> str:
    """Return the state of an outcome: ``reason`` says why the rest cannot be known."""
    if not is_final:
        return OutcomeState.OPEN
    if len(bars) < LONGEST or not any(bars):
        return OutcomeState.UNKNOWN
    return OutcomeState.GAPS if None in bars or reason else OutcomeState.COMPLETE


def _look(price: float, sign: int, bars: Sequence[Bar | None]) -> Look:
    known = [bar for bar in bars if bar is not None]
    missing = len(bars) - len(known)
    if not known:
        return Look(None, None, None, None, missing)
    highest = max(bar.high for bar in known)
    lowest = min(bar.low for bar in known)
    last = bars[-1]
    close = last.close if last else None
    return Look(
        price=close,
        move=_percent(price, close, sign) if close is not None else None,
        best=_percent(price, highest if sign > 0 else lowest, sign),
        worst=_percent(price, lowest if sign > 0 else highest, sign),
        missing=missing,
    )


def _percent(price: float, other: float, sign: int) -> float:
    # Without the zero at the end a fall by nothing would be shown as -0.
    return round(sign * (other / price - 1) * 100, 6) + 0.0
