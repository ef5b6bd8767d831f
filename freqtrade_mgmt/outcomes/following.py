"""Which candles follow a signal, and what a window of candles says of them. Pure.

Times are milliseconds since 1970. A candle is known by its open; the first that counts
opens when the signal's candle closed, or after it where somebody posted a time in the
middle of a candle: so no candle that a signal could have known of is ever looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.timeframes import bucket_start, length_ms, next_start
from signals_app.outcomes.judging import LONGEST, Bar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DAY_MS: Final = 86_400_000
SECOND_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Window:
    """Candles of one market: ``bars`` by open, ``first`` and ``newest`` open of all.

    ``first`` is where what the bot holds begins: what opened before is gone.
    """

    first: int
    newest: int
    bars: Mapping[int, Bar] = field(default_factory=dict)


def opens_of(closed_ms: int, timeframe: str) -> list[int]:
    """Return the opens of the candles after one that closed at ``closed_ms``.

    One more than the longest horizon, so that ``opens[k]`` is when candle k closes.
    """
    opens = [closed_ms if _opens(closed_ms, timeframe) else _next(closed_ms, timeframe)]
    while len(opens) <= LONGEST:
        opens.append(_next(opens[-1], timeframe))
    return opens


def window_of(
    rows: Sequence[Sequence[Any]], base: str, wanted: str, now: int
) -> Window:
    """Return the closed candles of ``wanted`` in rows of a bot's candles, in order.

    A row is (open ms, open, high, low, close, volume). Where the bot's candles are
    shorter, a longer one is there when all of its parts are. A candle without volume
    whose four prices are one is not there: nobody traded at that price, and freqtrade
    writes such a candle where the exchange gave none.
    """
    length = length_ms(base)
    closed = [row for row in rows if row[0] + length <= now]
    if not closed:
        return Window(now, 0)
    parts: dict[int, list[Sequence[Any]]] = {}
    for row in closed:
        start = row[0] if base == wanted else bucket_start(row[0], wanted)
        parts.setdefault(start, []).append(row)
    bars = {
        start: bar
        for start, some in parts.items()
        if (bar := _bar(some, start, base, wanted)) is not None
    }
    first, newest = closed[0][0], closed[-1][0]
    if base != wanted:
        # Whole ones only: the first may lack its beginning, the last its end.
        first = first if first in parts else _next(first, wanted)
        newest = bucket_start(newest + length, wanted) - 1
    return Window(first, newest, bars)


def _bar(
    rows: Sequence[Sequence[Any]], start: int, base: str, wanted: str
) -> Bar | None:
    traded = [row for row in rows if row[5] or len(set(row[1:5])) > 1]
    if not traded:
        return None
    if base != wanted and len(rows) * length_ms(base) < _next(start, wanted) - start:
        return None
    return Bar(
        high=max(row[2] for row in traded),
        low=min(row[3] for row in traded),
        close=traded[-1][4],
    )


def _opens(moment: int, timeframe: str) -> bool:
    """Tell whether a candle may open at ``moment``.

    Candles of several days begin where the exchange likes; days begin at midnight.
    """
    if timeframe[-1] in "wM":
        return bucket_start(moment, timeframe) == moment
    return moment % min(length_ms(timeframe), DAY_MS) == 0


def _next(moment: int, timeframe: str) -> int:
    """Return when the next candle opens, after one that opened at ``moment``."""
    length = length_ms(timeframe)
    if timeframe[-1] not in "wM" and length > DAY_MS and moment % DAY_MS == 0:
        return moment + length
    return next_start(moment, timeframe)
