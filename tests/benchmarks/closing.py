"""Candles that close: bots, collectors, intake, web process and browsers together.

The bots and the browsers have processes of their own; collectors and intake are the
supervisor's, and live in this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import orjson
import psutil
from asgiref.sync import sync_to_async
from django.db import connection

from btc_watcher.env import env
from btc_watcher.lib.garbage import garbage_settle
from freqtrade_mgmt.bot_config import BotCredentials
from freqtrade_mgmt.supervisor.client import BotClient
from freqtrade_mgmt.supervisor.collector import Collector
from freqtrade_mgmt.supervisor.frames import Watched
from freqtrade_mgmt.supervisor.intake import IntakeQueue
from signals_app import feed
from signals_app.consumers import HEARTBEAT
from tests.benchmarks.close_bots import CANDLE_MS, CONNECTED, TIMEFRAME, names
from tests.benchmarks.latency import login
from tests.e2e.system import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.benchmarks.fanout_client import Address

MARKS: Final = ("enter_long", "exit_long")
CONNECT_SECONDS: Final = 120.0


class Size(NamedTuple):
    """How much there is of everything."""

    bots: int
    pairs: int
    browsers: int

    @property
    def signals(self) -> int:
        """Signals of one candle: one for each pair of each bot."""
        return self.bots * self.pairs


@dataclass(slots=True)
class Close:
    """Seconds of one candle close, from the first frame of a bot on.

    ``worked`` are processor seconds of each process, ``resident`` its bytes in memory;
    ``behind`` are browsers that had not all of it in time.
    """

    frames_written: float
    batches: int
    rows: float
    stream: float
    browsers: float
    behind: int
    notices: int
    received: int
    worked: dict[str, float]
    resident: dict[str, int]


class Child:
    """A program of ours that answers each line with a line."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._child.pid

    def __enter__(self) -> Self:
        """Nothing is left to do."""
        return self

    def __exit__(self, *_details: object) -> None:
        """End it."""
        self._child.kill()
        self._child.communicate()

    def tell(self, line: str) -> None:
        """Write a line."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n".encode())
        self._child.stdin.flush()

    def hear(self) -> Any:
        """Return what the next line says."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, "the child has ended"
        return orjson.loads(line)


@dataclass(slots=True)
class Published:
    """When (monotonic) batches were committed, and when they were in the stream."""

    committed: float = 0.0
    streamed: float = 0.0
    events: int = 0
    batches: int = 0


@contextlib.contextmanager
def watched_feed(published: Published) -> Iterator[None]:
    """Note each batch that the intake publishes, which it does after its commit."""
    publish = feed.publish

    def publish_and_note(events: Sequence[dict[str, Any]]) -> None:
        published.committed = time.monotonic()
        publish(events)
        published.streamed = time.monotonic()
        published.events += len(events)
        published.batches += 1

    feed.publish = publish_and_note
    try:
        yield
    finally:
        feed.publish = publish


@dataclass(slots=True)
class Work:
    """Processor seconds of processes, PostgreSQL's together, since ``begin``."""

    processes: dict[str, psutil.Process]
    before: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Start counting."""
        self.before = self._now()

    def done(self) -> dict[str, float]:
        """Return the seconds since then."""
        now = self._now()
        return {name: now[name] - self.before[name] for name in self.before}

    def resident(self) -> dict[str, int]:
        """Return the bytes of each process that are in memory."""
        return {name: each.memory_info().rss for name, each in self.processes.items()}

    def _now(self) -> dict[str, float]:
        return {name: _seconds(each) for name, each in self.processes.items()}


def _seconds(process: psutil.Process) -> float:
    whole = 0.0
    # A connection of PostgreSQL is a child; ours are counted by themselves.
    ours = process.pid == psutil.Process().pid
    for each in (process, *([] if ours else process.children())):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            whole += times.user + times.system
    return whole


class Children(NamedTuple):
    """The processes of the bots and of the browsers, and whose work is counted."""

    bots: Child
    browsers: Child
    work: Work


@contextlib.asynccontextmanager
async def collecting(
    bots: list[list[Any]], strategies: list[tuple[int, str]]
) -> AsyncIterator[list[Collector]]:
    """Yield a collector for each bot, connected, with the supervisor's intake."""
    intake = IntakeQueue()
    writer = asyncio.create_task(intake.run())
    collectors, tasks = [], []
    async with contextlib.AsyncExitStack() as stack:
        for (port, user, password, token), (pk, name) in zip(
            bots, strategies, strict=True
        ):
            who = BotCredentials(user, password, "", token)
            client = await stack.enter_async_context(BotClient(port, who))
            watched = Watched(pk, name, "v1.0", "binance", TIMEFRAME)
            collector = Collector(
                client=client,
                watched=watched,
                intake=intake,
                newest={},
                first_backfill=2,
            )
            collectors.append(collector)
            tasks.append(asyncio.create_task(collector.run()))
        try:
            yield collectors
        finally:
            for task in (*tasks, writer):
                task.cancel()
            await asyncio.gather(*tasks, writer, return_exceptions=True)
            await sync_to_async(intake.close)()


async def closes(
    size: Size, children: Children, collectors: list[Collector], rounds: int
) -> list[Close]:
    """Let ``rounds`` candles close, each when it does."""
    results = []
    bots, browsers, work = children
    pairs = names(size.pairs)
    published = Published()
    with watched_feed(published):
        for number in range(rounds):
            published.events = published.batches = 0
            browsers.tell(str(size.signals))
            assert await asyncio.to_thread(browsers.hear) == {"ready": True}
            open_ms = await _candle_closed()
            for collector in collectors:
                collector.newest = dict.fromkeys(pairs, open_ms - CANDLE_MS)
            work.begin()
            bots.tell(f"{open_ms} {MARKS[number % 2]}")
            began, ended = await asyncio.to_thread(bots.hear)
            seen = await asyncio.to_thread(browsers.hear)
            assert published.events == size.signals, published
            results.append(
                close_of((began, ended), published, seen, work.done(), work.resident())
            )
    return results


async def _candle_closed() -> int:
    """Wait for the end of a candle; return when it opened (ms)."""
    now = int(time.time() * 1000)
    closed = (now // CANDLE_MS + 1) * CANDLE_MS
    await asyncio.sleep((closed - now) / 1000 + 0.05)
    return closed - CANDLE_MS


def close_of(
    told: tuple[float, float],
    published: Published,
    seen: dict[str, Any],
    worked: dict[str, float],
    resident: dict[str, int],
) -> Close:
    """Return a close as it is reported; RuntimeError when browsers had not all of it.

    ``told`` are the moments of the bots' first and last frame, ``seen`` what the browsers
    have answered.
    """
    if seen["missing"]:
        who = "the one that counts" if seen["missing"] < 0 else str(seen["missing"])
        raise RuntimeError(f"Of the browsers {who} did not get every signal: {seen}")
    began, ended = told
    return Close(
        frames_written=ended - began,
        batches=published.batches,
        rows=published.committed - began,
        stream=published.streamed - began,
        browsers=seen["ended"] - began,
        behind=seen["missing"],
        notices=seen["notices"],
        received=seen["bytes"],
        worked=worked,
        resident=resident,
    )


async def _follow(
    size: Size, children: Children, strategies: list[tuple[int, str]], rounds: int
) -> list[Close]:
    addresses = children.bots.hear()
    async with collecting(addresses, strategies) as collectors:
        children.bots.tell(f"{CONNECTED} 0")
        heard = asyncio.to_thread(children.bots.hear)
        await asyncio.wait_for(heard, CONNECT_SECONDS)
        garbage_settle()
        return await closes(size, children, collectors, rounds)


def candles_close(
    size: Size, strategies: list[tuple[int, str]], rounds: int
) -> list[Close]:
    """Start everything, and let one candle more than ``rounds`` close.

    The first one, in which plans, imports and connections get warm, is not returned.
    """
    with (
        web_process() as web,
        Child("close_browsers") as browsers,
        Child("close_bots", str(size.bots), str(size.pairs)) as bots,
    ):
        browsers.tell(orjson.dumps(_address(web, size.browsers)).decode())
        assert browsers.hear()["connected"] == size.browsers
        work = Work(_processes(web, bots, browsers))
        children = Children(bots, browsers, work)
        chosen = strategies[: size.bots]
        return asyncio.run(_follow(size, children, chosen, 1 + rounds))[1:]


@contextlib.contextmanager
def web_process() -> Iterator[WebServer]:
    """Start the product's web process."""
    with TemporaryDirectory() as folder:
        web = WebServer(dict(env.ENVIRON), Path(folder) / "web.log").start()
        try:
            yield web
        finally:
            web.stop()


def _address(web: WebServer, browsers: int) -> Address:
    return {
        "port": web.port,
        "path": "/ws/signals/",
        "headers": {"Cookie": login(web.url), "Origin": web.url},
        "heartbeat": HEARTBEAT,
        "deflate": True,
        "clients": browsers,
    }


def _processes(
    web: WebServer, bots: Child, browsers: Child
) -> dict[str, psutil.Process]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ((backend,),) = cursor.fetchall()
    postgres = psutil.Process(backend).parent()
    assert postgres is not None
    return {
        "supervisor": psutil.Process(),
        "web": psutil.Process(web.pid),
        "bots": psutil.Process(bots.pid),
        "browsers": psutil.Process(browsers.pid),
        "postgres": postgres,
    }
