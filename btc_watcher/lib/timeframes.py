"""Timeframes as exchanges write them: 1m, 4h, 1d, 1w."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

from btc_watcher.lib.errors import BtcWatcherError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000}
PATTERN = re.compile(r"([1-9]\d{0,3})([smhdwM])")


@lru_cache(maxsize=128)
def duration(timeframe: str) -> timedelta:
    """Return the length of a candle, or raise BtcWatcherError.

    A month counts as 30 days: it is only used to tell late from in time.
    """
    match = PATTERN.fullmatch(timeframe)
    if match is None:
        raise BtcWatcherError(
            f"{timeframe!r} is not a timeframe. Write a number and a unit,"
            " for example 1m, 15m, 4h, 1d or 1w."
        )
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


def candle_seconds(timeframe: str) -> float | None:
    """Return the length of a candle, None for a timeframe that cannot be read."""
    try:
        return duration(timeframe).total_seconds()
    except BtcWatcherError:
        return None
