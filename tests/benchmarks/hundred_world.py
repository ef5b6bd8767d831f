"""What the hundred strategies are measured with: an exchange that remembers, clients."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson
import psutil

from freqtrade_mgmt.simulator import SimulatedExchange
from freqtrade_mgmt.simulator.pairs import DEFAULT_PAIRS
from tests.benchmarks.hundred_strategies import SOURCES
from tests.freqtrade_mgmt.runner.running import Face

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

PAIRS: Final = DEFAULT_PAIRS
MB: Final = 1_000_000
MINUTE: Final = 60
_LATE_SECONDS: Final = 45
# When a candle opened (ms), of which strategy and which pair its mark is.
Mark = tuple[int, int, str]


class RememberingExchange(SimulatedExchange):
    """Remembers when it served the candles of which pair."""

    def __init__(self) -> None:
        super().__init__(PAIRS)
        self.served: list[tuple[float, str]] = []

    async def _get(self, request: web.Request) -> web.StreamResponse:
        answer = await super()._get(request)
        if request.match_info["endpoint"] == "klines":
            what = f"{request.query['symbol']} {request.query['interval']}"
            self.served.append((time.time(), what))
        return answer

    def since(self, moment: float) -> list[tuple[float, str]]:
        """Return what was served since then."""
        return [one for one in self.served if one[0] >= moment]


def faces_made(
    root: Path, exchange: SimulatedExchange, count: int, kind: str = "simple"
) -> list[Face]:
    """Write the folders of that many strategies of a kind, each with all pairs."""
    made = []
    for number in range(count):
        code, name = SOURCES[kind](number)
        folder, identity = root / str(number), number + 1
        face = Face.made(
            folder, exchange.url, code, name, strategy_id=identity, pairs=PAIRS
        )
        made.append(face)
    return made


@dataclass
class Candle:
    """How one candle went: seconds from its first serving to each message."""

    lags: list[float]
    asked: int
    asked_twice: int
    after_close: float
    fetched: float


def _candle_of(message: str) -> tuple[str, int]:
    """Return the pair of a message, and when its candle opened (ms)."""
    found = orjson.loads(message)["data"]
    frame = orjson.loads(found["df"]["__value__"])
    return found["key"][0], frame["data"][-1][frame["columns"].index("date")]


@dataclass
class Clients:
    """One WebSocket client for each strategy, that only notes when what came."""

    faces: Sequence[Face]
    came: dict[Mark, float] = field(default_factory=dict)
    left: set[Mark] = field(default_factory=set)
    whole: asyncio.Event = field(default_factory=asyncio.Event)

    async def candles(self, exchange: RememberingExchange, count: int) -> list[Candle]:
        """Follow all strategies for that many closes."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            followers = [
                group.create_task(self._follow(session, f)) for f in self.faces
            ]
            found = []
            for _ in range(count):
                close = (time.time() // MINUTE + 1) * MINUTE
                await asyncio.sleep(close - time.time())
                found.append(await self._candle(exchange, close))
            for follower in followers:
                follower.cancel()
        return found

    async def _follow(self, session: aiohttp.ClientSession, face: Face) -> None:
        asked = orjson.dumps({"type": "subscribe", "data": ["analyzed_df"]}).decode()
        async with session.ws_connect(face.socket_url()) as socket:
            await socket.send_str(asked)
            async for message in socket:
                pair, opened = _candle_of(message.data)
                self.came.setdefault((opened, face.strategy_id, pair), time.time())
                self.left.discard((opened, face.strategy_id, pair))
                if not self.left:
                    self.whole.set()

    async def _candle(self, exchange: RememberingExchange, close: float) -> Candle:
        opened = int(close - MINUTE) * 1000
        wanted = {(opened, f.strategy_id, pair) for f in self.faces for pair in PAIRS}
        self.left, self.whole = wanted - self.came.keys(), asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(close + _LATE_SECONDS - time.time()):
                await self.whole.wait()
        if self.left:
            raise RuntimeError(f"Marks that never came: {sorted(self.left)[:5]}")
        served = exchange.since(close)
        first = min((moment for moment, _what in served), default=close)
        keys = [what for _moment, what in served]
        moments = [self.came.pop(one) for one in wanted]
        return Candle(
            lags=sorted(moment - first for moment in moments),
            asked=len(keys),
            asked_twice=len(keys) - len(set(keys)),
            after_close=first - close,
            fetched=max((moment for moment, _what in served), default=close) - first,
        )


def held_mb(pids: Sequence[int]) -> dict[str, Any]:
    """Return the memory of processes with all their children, in MB."""
    family: set[int] = set()
    for pid in pids:
        process = psutil.Process(pid)
        family |= {process.pid, *(c.pid for c in process.children(recursive=True))}
    sizes = {"Rss": 0, "Pss": 0}
    for pid in family:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _colon, value = line.partition(":")
            if name in sizes:
                sizes[name] += int(value.split()[0]) * 1024
    return {
        "rss_mb": round(sizes["Rss"] / MB, 1),
        "pss_mb": round(sizes["Pss"] / MB, 1),
        "processes": len(family),
    }


def processor_seconds(pids: Sequence[int]) -> float:
    """Return the processor time of processes with all their children."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            times = one.cpu_times()
            total += times.user + times.system
    return total
