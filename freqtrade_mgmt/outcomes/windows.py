"""Candles for many markets at once: each bot is asked once, for what is needed of it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from freqtrade_mgmt.candles.frames import bot_ask, rows_ask
from freqtrade_mgmt.candles.resample import length_ms
from freqtrade_mgmt.candles.sources import Source, sources_ranked
from freqtrade_mgmt.outcomes.following import window_of
from freqtrade_mgmt.supervisor.client import BotUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freqtrade_mgmt.outcomes.following import Window
    from freqtrade_mgmt.supervisor.client import BotClient

# Bots that are asked at the same time.
AT_ONCE: Final = 8
# Bots that are tried for a market, the best first.
TRIED: Final = 3
LARGEST: Final = 5_000
# What one bot may take for all of its pairs; the claim on the rows is longer.
PATIENCE_SECONDS: Final = 20.0


class Market(NamedTuple):
    """What candles are of."""

    exchange: str
    pair: str
    timeframe: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Candles of a market from ``oldest`` on (open, ms), best from a strategy's bot."""

    market: Market
    oldest: int
    strategy_id: int | None


@dataclass(frozen=True, slots=True)
class Read:
    """A window, or the reason why there is none: that of ``candles_read``."""

    window: Window | None
    reason: str = ""


async def windows_read(
    wanted: Sequence[Wanted], sources: Sequence[Source]
) -> dict[Market, Read]:
    """Return what bots have of each market. Never raises for a bot that is away."""
    ranked = {each.market: _ranked(each, sources) for each in wanted}
    found = {each.market: Read(None, _reason(ranked[each.market])) for each in wanted}
    for place in range(TRIED):
        asked: dict[Source, list[Wanted]] = defaultdict(list)
        for each in wanted:
            awake = [s for s in ranked[each.market] if s.status != "stopped"]
            if found[each.market].window is None and place < len(awake):
                asked[awake[place]].append(each)
        if not asked:
            break
        found |= await _ask_all(asked)
    return found


async def _ask_all(asked: Mapping[Source, list[Wanted]]) -> dict[Market, Read]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(source: Source, wanted: list[Wanted]) -> dict[Market, Read]:
        async with turn:
            return await _ask(source, wanted)

    answers = await asyncio.gather(*(one(*each) for each in asked.items()))
    return {market: read for answer in answers for market, read in answer.items()}


async def _ask(source: Source, wanted: list[Wanted]) -> dict[Market, Read]:
    reads: dict[Market, Read] = {}

    async def question(client: BotClient) -> None:
        for each in wanted:
            rows = await rows_ask(
                client, each.market.pair, source.timeframe, _limit(each, source)
            )
            reads[each.market] = _window(rows, source, each.market)

    try:
        await bot_ask(source.strategy_id, question, patience=PATIENCE_SECONDS)
    except BotUnreachableError:
        # What it has answered so far is good; a running bot that is silent says so.
        known = source.status in ("starting", "error")
        reason = source.status if known else "silent"
        reads = {each.market: Read(None, reason) for each in wanted} | reads
    return reads


def _window(rows: list[list[Any]], source: Source, market: Market) -> Read:
    if not rows:
        return Read(None, "empty")
    now = int(time.time() * 1000)
    return Read(window_of(rows, source.timeframe, market.timeframe, now))


def _limit(wanted: Wanted, source: Source) -> int:
    """Return how many candles reach back to the oldest, and one to see that it does."""
    passed = int(time.time() * 1000) - wanted.oldest
    return max(3, min(LARGEST, passed // length_ms(source.timeframe) + 3))


def _ranked(wanted: Wanted, sources: Sequence[Source]) -> list[Source]:
    market = wanted.market
    own = Source(
        wanted.strategy_id or 0,
        "",
        "",
        market.exchange,
        (market.pair,),
        market.timeframe,
    )
    return sources_ranked(sources, own, market.pair, market.timeframe)


def _reason(ranked: Sequence[Source]) -> str:
    if not ranked:
        return "nobody"
    return "stopped" if all(s.status == "stopped" for s in ranked) else "silent"
