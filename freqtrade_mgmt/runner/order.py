"""When the next round begins, what is done first, and where a frame begins. Pure.

Times are seconds since 1970 unless a name says ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# As a bot has it: a second after the close, so that the exchange has the candle.
OFFSET: Final = 1.0
THROTTLE: Final = 5.0
_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_592_000}


def timeframe_seconds(timeframe: str) -> int:
    """Return the length of a candle; a month counts 30 days."""
    return int(timeframe[:-1]) * _UNITS[timeframe[-1]]


def next_round(
    now: float, started: float, timeframes: Iterable[str], throttle: float = THROTTLE
) -> float:
    """Return when the round after the one of ``started`` begins.

    As freqtrade's worker: every ``throttle`` seconds, but a second after the close of a
    candle, and never in the second before that.
    """
    wanted = max(started + throttle, now)
    for timeframe in set(timeframes):
        length = timeframe_seconds(timeframe)
        close = (now // length + 1) * length
        if close < wanted:
            wanted = close + OFFSET
    return wanted


def urgency(deadline: float | None, timeframe: str) -> float:
    """Return what strategies are sorted by: seconds after the close; the nearest first."""
    return float(deadline if deadline is not None else timeframe_seconds(timeframe))


def first_open_ms(now_ms: int, length_ms: int, candles: int) -> int:
    """Return the open of the oldest candle that a request for ``candles`` gets now.

    The newest one of them is the candle that is still open.
    """
    return (now_ms // length_ms + 1) * length_ms - candles * length_ms
