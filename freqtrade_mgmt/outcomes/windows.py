"""Candles for many markets at once: each bot is asked once, for what is needed of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from btc_watcher.lib.timeframes import length_ms
from freqtrade_mgmt.candles.frames import bot_ask, rows_ask
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
# States in which no answer is no surprise.
AILING: Final = frozenset({"starting", "error"})
# What one bot may take for all of its pairs.
PATIENCE_SECONDS: Final = 20.0
# What all may take: a lost node has many silent bots, and the claim on the rows (180 s)
# must outlive them.
ALTOGETHER_SECONDS: Final = 60.0


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
    wanted: Sequence[Wanted],
    sources: Sequence[Source],
    *,
    altogether: float = ALTOGETHER_SECONDS,
) -> dict[Market, Read]:
    """Return what bots have of each market. Never raises for a bot that is away.

    After ``altogether`` seconds whoever has not answered counts as silent.
    """
    end = time.monotonic() + altogether
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
        found |= await _ask_all(asked, end - time.monotonic())
    return found


async def _ask_all(
    asked: Mapping[Source, list[Wanted]], seconds: float
) -> dict[Market, Read]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(source: Source, wanted: list[Wanted]) -> dict[Market, Read]:
        async with turn:
            return await _ask(source, wanted)

    # Whoever is known to run goes first; no round leaves the same ones to the end.
    order = random.sample(list(asked), len(asked))
    order.sort(key=lambda source: source.status in AILING)
    tasks = [asyncio.create_task(one(source, asked[source])) for source in order]
    reads = {
        each.market: Read(None, _silence(source))
        for source, wanted in asked.items()
        for each in wanted
    }
    done, late = await asyncio.wait(tasks, timeout=max(0.0, seconds))
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for task in done:
        reads |= task.result()
    return reads


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
        reads = {each.market: Read(None, _silence(source)) for each in wanted} | reads
    return reads


def _silence(source: Source) -> str:
    return source.status if source.status in AILING else "silent"


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
