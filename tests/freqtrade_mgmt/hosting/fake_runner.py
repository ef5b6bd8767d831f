"""A program in the place of the runner: it speaks the contract, and analyses nothing.

Its strategies are bots of ``fake_freqtrade``, whose every candle has a mark. What a
strategy's class is called says what goes wrong with it; see ``FATES``. Run as
``python fake_runner.py -I …/program/main.py --folder FOLDER --name NAME …``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.freqtrade_mgmt.fake_freqtrade import Bot

# State, error and message that a strategy of this class comes to.
FATES = {
    "Refused": (
        "refused",
        "needs_bot",
        "It uses custom_exit, which needs open trades.",
    ),
    "Raises": ("failed", "raised", "ValueError('boom')"),
    "Hangs": ("hung", "", "It has been analysing BTC/USDT for 30 s."),
    "Stuck": ("hung", "", "It has been analysing BTC/USDT for 30 s."),
    "Glutton": ("failed", "memory", "It held 900 MB."),
    "Unloadable": ("failed", "load", "Impossible to load Strategy 'Unloadable'."),
    "Away": ("failed", "load", "Could not load markets, therefore cannot start."),
}


class Hosted:
    """One strategy: its API, and its state."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.config = json.loads(Path(order["config"]).read_text())
        self.state, self.error, self.message = "loading", "", ""
        self.bot = Bot(self.config)
        self.runner: web.AppRunner | None = None
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen as a bot would."""
        app = web.Application()
        app.router.add_get("/api/v1/message/ws", self.bot.messages)
        app.router.add_get("/api/v1/{name}", self.bot.request)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self.runner.setup()
        server = self.bot.server
        host, port = server["listen_ip_address"], server["listen_port"]
        await web.TCPSite(self.runner, host, port, reuse_address=True).start()
        if self.config["strategy"] == "Mute":
            self.bot.pairs = []
        else:
            self.task = asyncio.create_task(self.bot.tell())

    async def stop(self) -> None:
        """Stop listening and telling."""
        task, self.task = self.task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    def shape(self) -> dict[str, Any]:
        """Return it as it is listed."""
        return {
            "strategy_id": self.order["strategy_id"],
            "run": self.order["run"],
            "state": self.state,
            "port": self.bot.server["listen_port"],
            "error": self.error,
            "message": self.message,
            "analyses": 1,
            "memory_mb": 2.0,
        }


class FakeRunner:
    """Answers on the control socket."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hosted: dict[int, Hosted] = {}
        self.writers: set[asyncio.StreamWriter] = set()
        self.ending = asyncio.Event()
        self.death: asyncio.TimerHandle | None = None

    async def serve(self, reader: Any, writer: asyncio.StreamWriter) -> None:
        """Talk on one connection."""
        self.writers.add(writer)
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                request = json.loads(line)
                answer = await self.answer(request)
                if answer is not None:
                    answer = {"id": request["id"], "ok": True} | answer
                    writer.write(json.dumps(answer).encode() + b"\n")
        self.writers.discard(writer)

    async def answer(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer; None: there is none."""
        if request["do"] == "load":
            return await self.load(request)
        if request["do"] == "unload":
            return await self.unload(request["strategy_id"])
        listed = [each.shape() for each in self.hosted.values()]
        return {"name": self.name, "protocol": 1, "strategies": listed}

    async def load(self, order: dict[str, Any]) -> dict[str, Any]:
        """Load a strategy; what its class is called decides how that goes."""
        if order["strategy_id"] in self.hosted:
            return {"ok": False, "error": "loaded", "message": "It is there."}
        hosted = self.hosted[order["strategy_id"]] = Hosted(order)
        name = hosted.config["strategy"]
        fate = FATES.get(name)
        if name == "Killer":
            self.dies_later()
        elif fate is None:
            await hosted.start()
            hosted.state = "running"
            self.tell(hosted)
        else:
            asyncio.get_running_loop().call_later(0.3, self.meet, hosted, fate)
        return {}

    def dies_later(self) -> None:
        """Be killed when nobody has come for a while: all that were sent are inside."""
        if self.death is not None:
            self.death.cancel()
        loop = asyncio.get_running_loop()
        self.death = loop.call_later(1.5, os.kill, os.getpid(), signal.SIGKILL)

    def meet(self, hosted: Hosted, fate: tuple[str, str, str]) -> None:
        """Have a strategy come to its end."""
        hosted.state, hosted.error, hosted.message = fate
        self.tell(hosted)

    async def unload(self, strategy_id: int) -> dict[str, Any] | None:
        """Let go of a strategy; one kind cannot be let go of."""
        hosted = self.hosted.get(strategy_id)
        if hosted is not None and hosted.config["strategy"] == "Stuck":
            return {"ok": False, "error": "stuck", "message": "It does not stop."}
        if hosted is not None and hosted.config["strategy"] == "Slow":
            await asyncio.sleep(1)
        if hosted is not None:
            await hosted.stop()
            del self.hosted[strategy_id]
        return {}

    def tell(self, hosted: Hosted) -> None:
        """Tell everybody of a state."""
        event = {"event": "state", **hosted.shape()}
        for writer in self.writers:
            writer.write(json.dumps(event).encode() + b"\n")


async def main(name: str) -> None:
    """Serve until SIGTERM."""
    runner = FakeRunner(name)
    os.umask(0o177)
    await asyncio.start_unix_server(runner.serve, "control.sock")
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, runner.ending.set)
    await runner.ending.wait()


if __name__ == "__main__":
    words = dict(zip(sys.argv[3::2], sys.argv[4::2], strict=False))
    os.chdir(words["--folder"])
    Path("control.sock").unlink(missing_ok=True)
    asyncio.run(main(words["--name"]))
    # What still listens ends with the process.
    os._exit(0)
