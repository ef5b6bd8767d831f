"""What each strategy of the soak has to mark, computed without freqtrade. Pure.

A rule takes candles in order and says for each which marks it must have, or None where
the numbers are so near to a limit that two right ways of computing may differ.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ENTER, EXIT = "enter_long", "exit_long"
MINUTE_MS = 60_000
# Parts of a price, of an index of 0 to 100, and of the width of a band.
PRICE_MARGIN, INDEX_MARGIN, WIDTH_MARGIN = 1e-9, 1e-6, 1e-6


class Bar(NamedTuple):
    """A closed candle: when it opened (ms), and its prices."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float


Marks = frozenset[str]
if TYPE_CHECKING:
    Rule = Callable[[Sequence[Bar]], list[Marks | None]]


def both(enters: bool | None, exits: bool | None) -> Marks | None:
    """Return the marks of a candle; None when one of the two cannot be told."""
    if enters is None or exits is None:
        return None
    return frozenset(mark for mark, there in ((ENTER, enters), (EXIT, exits)) if there)


def above(value: float, limit: float, margin: float) -> bool | None:
    """Tell whether a value is above a limit; None when it is too near."""
    return None if abs(value - limit) <= margin else value > limit


def every(*conditions: bool | None) -> bool | None:
    """Return whether all hold: False beats what cannot be told."""
    if any(condition is False for condition in conditions):
        return False
    return None if None in conditions else True


def ema(values: Sequence[float], period: int) -> list[float]:
    """Return the exponential average, begun with a plain one; NaN before."""
    found = [math.nan] * min(period - 1, len(values))
    if len(values) < period:
        return found
    level = math.fsum(values[:period]) / period
    found.append(level)
    share = 2 / (period + 1)
    for value in values[period:]:
        level += share * (value - level)
        found.append(level)
    return found


def rsi(values: Sequence[float], period: int) -> list[float]:
    """Return Wilder's relative strength index, 0 to 100; NaN before it begins."""
    moves = [after - before for before, after in itertools.pairwise(values)]
    found = [math.nan] * min(period, len(values))
    if len(moves) < period:
        return found
    gain = math.fsum(max(move, 0.0) for move in moves[:period]) / period
    loss = math.fsum(max(-move, 0.0) for move in moves[:period]) / period
    found.append(_index(gain, loss))
    for move in moves[period:]:
        gain += (max(move, 0.0) - gain) / period
        loss += (max(-move, 0.0) - loss) / period
        found.append(_index(gain, loss))
    return found


def _index(gain: float, loss: float) -> float:
    return 100 * gain / (gain + loss) if gain + loss else 0.0


def ema_cross(bars: Sequence[Bar]) -> list[Marks | None]:
    """Demo EMA Cross: the averages of 3 and 7 candles change sides."""
    closes = [bar.close for bar in bars]
    gaps = [a - b for a, b in zip(ema(closes, 3), ema(closes, 7), strict=True)]
    found: list[Marks | None] = [None]
    for index in range(1, len(bars)):
        margin = PRICE_MARGIN * closes[index]
        now = above(gaps[index], 0.0, margin)
        before = above(gaps[index - 1], 0.0, margin)
        if now is None or before is None:
            found.append(None)
        else:
            found.append(both(now and not before, before and not now))
    return found[: len(bars)]


def rsi_reversal(bars: Sequence[Bar]) -> list[Marks | None]:
    """Demo RSI Reversal: the index of 6 candles turns, having been below 30, above 70."""
    index = rsi([bar.close for bar in bars], 6)
    found: list[Marks | None] = []
    for place, now in enumerate(index):
        last = index[max(0, place - 3) : place + 1]
        if place < 4 or any(map(math.isnan, [*last, index[place - 1]])):
            found.append(None)
            continue
        rises = above(now, index[place - 1], INDEX_MARGIN)
        was_low = above(30.0, min(last), INDEX_MARGIN)
        was_high = above(max(last), 70.0, INDEX_MARGIN)
        falls = None if rises is None else not rises
        found.append(both(every(was_low, rises), every(was_high, falls)))
    return found


def bollinger(bars: Sequence[Bar]) -> list[Marks | None]:
    """Demo Bollinger Breakout: the close is outside of 1.7 deviations of 20 candles."""
    found: list[Marks | None] = []
    for place, bar in enumerate(bars):
        closes = [each.close for each in bars[max(0, place - 19) : place + 1]]
        if len(closes) < 20:
            found.append(None)
            continue
        middle = math.fsum(closes) / 20
        wide = 1.7 * math.sqrt(math.fsum((c - middle) ** 2 for c in closes) / 20)
        margin = WIDTH_MARGIN * wide
        outside = above(bar.close, middle + wide, margin)
        found.append(both(outside, above(middle - wide, bar.close, margin)))
    return found


def steps(bars: Sequence[Bar]) -> list[Marks | None]:
    """Soak Steps: by minute and direction, with entry and exit at once at times."""
    found: list[Marks | None] = []
    for bar in bars:
        minute = bar.open_ms // MINUTE_MS % 60
        rises, falls = bar.close > bar.open, bar.close < bar.open
        exits = (minute % 12 == 0 and rises) or (minute % 5 == 0 and falls)
        found.append(both(minute % 4 == 0 and rises, exits))
    return found


def channel(bars: Sequence[Bar]) -> list[Marks | None]:
    """Soak Channel: the close leaves the range of the five candles before."""
    found: list[Marks | None] = []
    for place, bar in enumerate(bars):
        before = bars[max(0, place - 5) : place]
        if len(before) < 5:
            found.append(None)
            continue
        enters = bar.close > max(each.high for each in before)
        found.append(both(enters, bar.close < min(each.low for each in before)))
    return found
