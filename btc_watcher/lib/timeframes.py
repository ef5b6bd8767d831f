"""Timeframes as exchanges write them (1m, 4h, 1d, 1w), and where their candles begin.

Candles are aligned to UTC: days begin at midnight, weeks on Monday, months on the first.
Moments are milliseconds since 1970.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000}
# The epoch was a Thursday; weeks begin on the Monday after.
FIRST_MONDAY_MS: Final = 4 * 86_400_000
PATTERN = re.compile(r"([1-9]\d{0,3})([smhdwM])")


@lru_cache(maxsize=128)
def duration(timeframe: str) -> timedelta:
    """Return the length of a candle, or raise BtcWatcherError.

    A month counts as 30 days: it is only used to tell late from in time.
    """
    match = PATTERN.fullmatch(timeframe)
    if match is None:
        raise BtcWatcherError(
            _(
                "%(timeframe)r is not a timeframe. Write a number and a unit, for"
                " example 1m, 15m, 4h, 1d or 1w."
            )
            % {"timeframe": timeframe}
        )
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


def candle_seconds(timeframe: str) -> float | None:
    """Return the length of a candle, None for a timeframe that cannot be read."""
    try:
        return duration(timeframe).total_seconds()
    except BtcWatcherError:
        return None


def length_ms(timeframe: str) -> int:
    """Return the length of a candle; BtcWatcherError when it is no timeframe."""
    return int(duration(timeframe).total_seconds() * 1000)


def bucket_start(moment_ms: int, timeframe: str) -> int:
    """Return when the candle of ``timeframe`` that holds the moment began."""
    if timeframe.endswith("M"):
        return _month_start(moment_ms)
    length = length_ms(timeframe)
    offset = FIRST_MONDAY_MS if timeframe.endswith("w") else 0
    return moment_ms - (moment_ms - offset) % length


def next_start(moment_ms: int, timeframe: str) -> int:
    """Return when the candle that holds the moment ends."""
    start = bucket_start(moment_ms, timeframe)
    if timeframe.endswith("M"):
        return _month_start(start + 32 * 86_400_000)
    return start + length_ms(timeframe)


def _month_start(moment_ms: int) -> int:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp() * 1000)
