"""Many bots on loopback, as their folders describe them: freqtrade's API and no more.

In a thread of the test (``FakeBots``), or as a process of its own that can be stopped
and killed: ``python -m tests.freqtrade_mgmt.fake_bots FOLDER_OF_BOTS``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from freqtrade_mgmt.bot_config import (
    BotCredentials,
    BotIdentity,
    BotPaths,
    BotSpec,
    bot_folder_read,
    bot_folder_write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "from freqtrade.strategy import IStrategy\n"
VERSION = "2026.9"


@dataclass
class FakeBot:
    """One bot: what it answers, to be changed at any time.

    ``hanging`` accepts and never answers; ``last_process`` None is now.
    """

    identity: BotIdentity
    pairs: list[str]
    state: str = "running"
    name: str = ""
    hanging: bool = False
    broken: bool = False
    last_process: float | None = None
    requests: Counter[str] = field(default_factory=Counter)

    def answer(self, path: str) -> dict[str, Any]:
        """Return what freqtrade answers at ``path``."""
        stamp = int(self.last_process or time.time())
        answers: dict[str, dict[str, Any]] = {
            "show_config": {
                "bot_name": self.name or self.identity.bot_name,
                "state": self.state,
                "version": VERSION,
                "strategy": "Fake",
                "timeframe": "1m",
                "dry_run": True,
            },
            "health": {"last_process": "2026-11-22", "last_process_ts": stamp},
            "whitelist": {
                "whitelist": self.pairs,
                "length": len(self.pairs),
                "method": ["StaticPairList"],
            },
        }
        return answers[path]


def folder_make(
    folder: Path,
    strategy_id: int,
    pairs: tuple[str, ...] = ("BTC/USDT",),
    port: int = 0,
) -> BotPaths:
    """Write the folder of a bot, on a free port unless one is given."""
    spec = BotSpec(
        strategy_id=strategy_id,
        name=f"fake {strategy_id}",
        class_name="Fake",
        code=CODE,
        exchange="simulated",
        pairs=pairs,
        timeframe="1m",
        stake_currency="USDT",
    )
    return bot_folder_write(
        folder,
        spec,
        BotCredentials.random(),
        port or free_ports(1)[0],
        "http://127.0.0.1:18080/api/v3",
    )


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on now."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class FakeBots:
    """Serves any number of bots from one thread. Use as a context manager."""

    def __init__(self) -> None:
        self.bots: dict[int, FakeBot] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        self._do(self._set_up())
        return self

    def __exit__(self, *_details: object) -> None:
        """Stop listening and end the thread."""
        self._do(self._tear_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def serve(self, folder: Path) -> FakeBot:
        """Serve the bot of a folder, as the folder says."""
        identity = bot_folder_read(folder)
        config = json.loads(BotPaths.of(folder).config.read_text())
        pairs = config["exchange"]["pair_whitelist"]
        bot = self.bots[identity.port] = FakeBot(identity, pairs)
        self._do(self._listen(identity.port))
        return bot

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _set_up(self) -> None:
        app = web.Application()
        app.router.add_get("/api/v1/{name}", self._request)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()

    async def _listen(self, port: int) -> None:
        assert self._runner is not None
        await web.TCPSite(self._runner, "127.0.0.1", port).start()

    async def _tear_down(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _request(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        bot = self.bots[request.transport.get_extra_info("sockname")[1]]
        name = request.match_info["name"]
        bot.requests[name] += 1
        if bot.hanging:
            await asyncio.Event().wait()
        if bot.broken:
            return web.json_response({"detail": "broken"}, status=500)
        who = bot.identity.credentials
        login = base64.b64encode(f"{who.username}:{who.password}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return web.json_response({"detail": "Unauthorized"}, status=401)
        return web.json_response(bot.answer(name))


@contextlib.contextmanager
def bots_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Serve every bot below ``folder`` from a process of its own, which is ended."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.freqtrade_mgmt.fake_bots", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()


def main() -> None:
    """Serve the bots of a folder until killed."""
    with FakeBots() as bots:
        for folder in sorted(Path(sys.argv[1]).iterdir()):
            bots.serve(folder)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
