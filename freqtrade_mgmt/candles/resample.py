"""Longer candles from shorter ones. Pure.

Times are milliseconds since 1970. A candle is known by its open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from btc_watcher.lib.timeframes import bucket_start, length_ms, next_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TIMEFRAMES: Final = (
    *("1m", "3m", "5m", "15m", "30m"),
    *("1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"),
)


class Ohlcv(NamedTuple):
    """One candle; ``closed`` is False while it still forms."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool = True


def divides(base: str, wanted: str) -> bool:
    """Tell whether candles of ``wanted`` can be made from those of ``base``."""
    if base == wanted:
        return True
    # Months differ in length, so nothing fits into them.
    if "M" in (base[-1], wanted[-1]):
        return False
    return length_ms(wanted) % length_ms(base) == 0


def derived(bases: Iterable[str]) -> list[str]:
    """Return the timeframes that a page may offer, shortest first."""
    known = set(bases)
    offered = known | {
        wanted for wanted in TIMEFRAMES if any(divides(base, wanted) for base in known)
    }
    return sorted(offered, key=length_ms)


def resample(candles: Sequence[Ohlcv], base: str, wanted: str) -> list[Ohlcv]:
    """Return candles of ``wanted`` made from those of ``base``, which are in order.

    A first bucket that lacks its beginning is left out. Every bucket but the last is
    ``closed``; that one is when its last candle is there. Candles that are missing in
    the middle are passed over.
    """
    if base == wanted or not candles:
        return list(candles)
    made: list[Ohlcv] = []
    for candle in candles:
        start = bucket_start(candle.open_ms, wanted)
        if made and made[-1].open_ms == start:
            made[-1] = _joined(made[-1], candle)
        else:
            made.append(candle._replace(open_ms=start, closed=True))
    last = candles[-1]
    ended = last.open_ms + length_ms(base) >= next_start(last.open_ms, wanted)
    made[-1] = made[-1]._replace(closed=ended and last.closed)
    torn = candles[0].open_ms != made[0].open_ms
    return made[1:] if torn else made


def _joined(bucket: Ohlcv, candle: Ohlcv) -> Ohlcv:
    return bucket._replace(
        high=max(bucket.high, candle.high),
        low=min(bucket.low, candle.low),
        close=candle.close,
        volume=bucket.volume + candle.volume,
    )
