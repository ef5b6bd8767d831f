"""Candles as a pure function of seed, symbol and minute.

All amounts are integers (prices in ticks, volumes in lots), so that a long candle is
exactly the aggregate of its minutes. Times are milliseconds since the epoch, UTC.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from freqtrade_mgmt.simulator.pairs import Pair
from freqtrade_mgmt.simulator.walk import DAY_MINUTES, Minute, day_of_minutes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
# The first candle opened on 2025-01-01.
LISTED_MS = 1_735_689_600_000
# Weeks begin on Monday, and the epoch was a Thursday.
_MONDAY_MS = 4 * DAY_MS

INTERVALS_MS: dict[str, int] = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}


class Candle(NamedTuple):
    """One candle: open time in ms, prices in ticks, volume in lots, ``quote`` in both."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote: int
    trades: int


def aggregate(candles: Sequence[Candle]) -> Candle:
    """Return the candle that covers all of ``candles`` (at least one, in order)."""
    return Candle(
        time=candles[0].time,
        open=candles[0].open,
        high=max(candle.high for candle in candles),
        low=min(candle.low for candle in candles),
        close=candles[-1].close,
        volume=sum(candle.volume for candle in candles),
        quote=sum(candle.quote for candle in candles),
        trades=sum(candle.trades for candle in candles),
    )


def open_time(time_ms: int, interval_ms: int) -> int:
    """Return when the candle that contains ``time_ms`` opened."""
    offset = _MONDAY_MS if interval_ms == 7 * DAY_MS else 0
    return (time_ms - offset) // interval_ms * interval_ms + offset


def first_open(time_ms: int, interval_ms: int) -> int:
    """Return when the first candle opens that does so at ``time_ms`` or later.

    There is none before the market was listed.
    """
    return open_time(max(time_ms, LISTED_MS) + interval_ms - 1, interval_ms)


class Market:
    """All pairs of one seed. Two markets with the same seed agree to the last digit."""

    def __init__(self, pairs: Iterable[str], *, seed: int = 1) -> None:
        self.seed = seed
        self.pairs: dict[str, Pair] = {
            pair.symbol: pair for pair in (Pair.named(name) for name in pairs)
        }
        # About 0.5 MB and 9 kB an entry; a day is drawn again in some milliseconds.
        self._minutes = lru_cache(maxsize=64)(self._make_minutes)
        self._hours = lru_cache(maxsize=2048)(self._make_hours)

    def candles(
        self, symbol: str, interval_ms: int, first_ms: int, last_ms: int, now_ms: int
    ) -> list[Candle]:
        """Return the candles that open from ``first_ms`` to ``last_ms``, both included.

        The candle that is still forming at ``now_ms`` comes as it is at that moment;
        nothing later exists. KeyError for a symbol that is not traded here.
        """
        if symbol not in self.pairs:
            raise KeyError(symbol)
        first = first_open(first_ms, interval_ms)
        last = open_time(min(last_ms, now_ms), interval_ms)
        return [
            self._candle(symbol, time, interval_ms, now_ms)
            for time in range(first, last + 1, interval_ms)
        ]

    def price(self, symbol: str, now_ms: int) -> int:
        """Return the price of this moment in ticks."""
        return self._forming(symbol, now_ms).close

    def window(self, symbol: str, now_ms: int) -> Candle:
        """Return the last 24 hours as one candle."""
        start = open_time(now_ms - DAY_MS, MINUTE_MS) + MINUTE_MS
        return aggregate(self._parts(symbol, start, now_ms, now_ms))

    def _candle(self, symbol: str, time: int, interval_ms: int, now_ms: int) -> Candle:
        if interval_ms == MINUTE_MS:
            return self._minute(symbol, time, now_ms)
        parts = self._parts(symbol, time, time + interval_ms - 1, now_ms)
        return aggregate(parts)

    def _parts(self, symbol: str, start: int, end: int, now_ms: int) -> list[Candle]:
        """Return whole hours where possible and minutes elsewhere, up to ``now_ms``."""
        parts: list[Candle] = []
        time, end = start, min(end, now_ms)
        while time <= end:
            if (
                time % HOUR_MS == 0
                and time + HOUR_MS - 1 <= end
                and time + HOUR_MS <= now_ms
            ):
                parts.append(
                    self._hours(symbol, time // DAY_MS)[time % DAY_MS // HOUR_MS]
                )
                time += HOUR_MS
            else:
                parts.append(self._minute(symbol, time, now_ms))
                time += MINUTE_MS
        return parts

    def _minute(self, symbol: str, time: int, now_ms: int) -> Candle:
        if now_ms < time + MINUTE_MS:
            return self._forming(symbol, now_ms)
        number = time // MINUTE_MS
        return Candle(
            time, *self._minutes(symbol, number // DAY_MINUTES)[number % DAY_MINUTES]
        )

    def _forming(self, symbol: str, now_ms: int) -> Candle:
        """Return the candle of the minute that ``now_ms`` lies in, as far as it has come."""
        number, elapsed = divmod(now_ms, MINUTE_MS)
        whole = self._minutes(symbol, number // DAY_MINUTES)[number % DAY_MINUTES]
        close = whole.open + (whole.close - whole.open) * elapsed // MINUTE_MS
        return Candle(
            time=number * MINUTE_MS,
            open=whole.open,
            high=max(whole.open, close),
            low=min(whole.open, close),
            close=close,
            volume=whole.volume * elapsed // MINUTE_MS,
            quote=whole.quote * elapsed // MINUTE_MS,
            trades=whole.trades * elapsed // MINUTE_MS,
        )

    def _make_minutes(self, symbol: str, day: int) -> Sequence[Minute]:
        return day_of_minutes(self.seed, self.pairs[symbol], day)

    def _make_hours(self, symbol: str, day: int) -> tuple[Candle, ...]:
        minutes = self._minutes(symbol, day)
        whole = [
            Candle(day * DAY_MS + index * MINUTE_MS, *minute)
            for index, minute in enumerate(minutes)
        ]
        return tuple(
            aggregate(whole[start : start + 60]) for start in range(0, DAY_MINUTES, 60)
        )
