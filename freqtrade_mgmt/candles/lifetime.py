"""How long a frame of candles may be shown before the bot is asked again. Pure."""

from __future__ import annotations

from typing import Final

from btc_watcher.lib.timeframes import bucket_start, length_ms, next_start

# The specification: 1m is kept for a minute, 1h for thirty; others for half a candle.
SHORTEST_MS: Final = 60_000
# The bot needs a second or two after a close. Until then nobody asks more often.
BEHIND_MS: Final = 2_000
LEAST_MS: Final = 500


def kept_ms(timeframe: str) -> int:
    """Return how long a frame of ``timeframe`` is kept at most, in milliseconds."""
    return max(SHORTEST_MS, length_ms(timeframe) // 2)


def is_behind(timeframe: str, newest_open_ms: int | None, now_ms: int) -> bool:
    """Tell whether a candle has closed that the frame does not have yet."""
    forming = bucket_start(now_ms, timeframe)
    return newest_open_ms is None or next_start(newest_open_ms, timeframe) < forming


def lifetime_ms(timeframe: str, newest_open_ms: int | None, now_ms: int) -> int:
    """Return how long a frame that was read now is good, in milliseconds.

    Never beyond the next close; only a moment when the frame lacks a closed candle.
    """
    if is_behind(timeframe, newest_open_ms, now_ms):
        return BEHIND_MS
    until_close = next_start(now_ms, timeframe) - now_ms
    return max(LEAST_MS, min(kept_ms(timeframe), until_close))
