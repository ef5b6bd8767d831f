"""``candles_read``: what a chart shows, from whichever bot can give it."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from asgiref.sync import sync_to_async

from btc_watcher.lib.timeframes import next_start
from freqtrade_mgmt.cache.candles import FrameKey
from freqtrade_mgmt.candles.frames import frame_last, frame_read
from freqtrade_mgmt.candles.lifetime import is_behind
from freqtrade_mgmt.candles.resample import Ohlcv, resample
from freqtrade_mgmt.candles.sources import Source, sources_ranked
from freqtrade_mgmt.candles.watchers import watchers_all
from freqtrade_mgmt.supervisor.client import BotUnreachableError

if TYPE_CHECKING:
    from freqtrade_mgmt.cache.candles import KeptFrame

LIMIT: Final = 1_000
LARGEST: Final = 5_000


@dataclass(frozen=True, slots=True)
class CandlesRead:
    """Candles in order of time, and how far they can be trusted.

    ``state`` is live, behind (the bot answers and lacks closed candles), kept (no bot
    answers; ``read_ms`` says when the candles were read) or none. ``reason`` is "" or
    unknown, nobody (no bot can give these), stopped, starting, error, silent or empty.
    ``earlier`` tells whether there are older candles before the first of these.
    """

    state: str
    reason: str = ""
    candles: list[Ohlcv] = field(default_factory=list)
    source: Source | None = None
    read_ms: int = 0
    earlier: bool = False
    next_close_ms: int = 0


async def candles_read(
    strategy_id: int,
    pair: str,
    timeframe: str,
    until: int | None = None,
    limit: int = LIMIT,
) -> CandlesRead:
    """Return the newest ``limit`` candles that opened before ``until`` (ms since 1970).

    The strategy's own bot is asked, or another one that watches the same pair on the
    same exchange in candles of which ``timeframe`` can be made.
    """
    sources = await sync_to_async(watchers_all)()
    wanted = next((s for s in sources if s.strategy_id == strategy_id), None)
    if wanted is None:
        return CandlesRead("none", "unknown")
    ranked = sources_ranked(sources, wanted, pair, timeframe)
    if not ranked:
        return CandlesRead("none", "nobody", source=wanted)
    empty: CandlesRead | None = None
    for source in ranked:
        if source.status == "stopped":
            continue
        try:
            frame = await frame_read(_key(source, pair))
        except BotUnreachableError:
            continue
        read = _cut(frame, source, timeframe, until, limit)
        if read.state != "none":
            return read
        empty = empty or read
    return empty or await _from_last(ranked, wanted, pair, timeframe, until, limit)


async def _from_last(
    ranked: list[Source],
    wanted: Source,
    pair: str,
    timeframe: str,
    until: int | None,
    limit: int,
) -> CandlesRead:
    """Return what was read before the bots ended, newest first; the reason anyway."""
    own = next((s for s in ranked if s.strategy_id == wanted.strategy_id), ranked[0])
    reason = own.status if own.status in ("stopped", "starting", "error") else "silent"
    kept = [(await frame_last(_key(source, pair)), source) for source in ranked]
    found = [(frame, source) for frame, source in kept if frame is not None]
    if not found:
        return CandlesRead("none", reason, source=own)
    frame, source = max(found, key=lambda pair_: pair_[0].read_ms)
    read = _cut(frame, source, timeframe, until, limit)
    return CandlesRead(
        "kept", reason, read.candles, own, frame.read_ms, read.earlier, 0
    )


def _key(source: Source, pair: str) -> FrameKey:
    return FrameKey(source.strategy_id, pair, source.timeframe)


def _cut(
    frame: KeptFrame, source: Source, timeframe: str, until: int | None, limit: int
) -> CandlesRead:
    """Return the wanted part of a frame, in the wanted length of candles."""
    now_ms = int(time.time() * 1000)
    candles = resample([Ohlcv(*row) for row in frame.rows], source.timeframe, timeframe)
    if not candles:
        return CandlesRead("none", "empty", source=source, read_ms=frame.read_ms)
    opens = [candle.open_ms for candle in candles]
    end = len(candles) if until is None else bisect_left(opens, until)
    start = max(0, end - min(limit, LARGEST))
    behind = is_behind(source.timeframe, int(frame.rows[-1][0]), now_ms)
    return CandlesRead(
        state="behind" if behind else "live",
        candles=candles[start:end],
        source=source,
        read_ms=frame.read_ms,
        earlier=start > 0,
        next_close_ms=next_start(now_ms, source.timeframe),
    )
