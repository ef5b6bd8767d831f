"""A real hub whose maker, feeder and workers are played by the test, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self, cast

from freqtrade_mgmt.runner.crew import SOCKET
from freqtrade_mgmt.runner.hub import Hub, Settings
from freqtrade_mgmt.runner.wire import packed, receive

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.logs import OwnLog
    from freqtrade_mgmt.runner.members import Member
    from tests.freqtrade_mgmt.runner.running import Face

_SECONDS = 20.0
FACTS: dict[str, Any] = {
    "timeframe": "1m",
    "pairs": ["BTC/USDT"],
    "candle_type": "spot",
    "keys": [],
    "startup": 30,
    "calls": 1,
    "loops": False,
    "changing": False,
    "alone": True,
    "answers": {},
}


class Played:
    """A worker or the feeder: keeps what it is told, and loads whatever it is given."""

    def __init__(self, kind: str, pid: int) -> None:
        self.kind = kind
        self.pid = pid
        self.heads: list[dict[str, Any]] = []
        # Answers to come instead of the usual ones, by what is asked.
        self.answers: dict[str, dict[str, Any] | None] = {}

    async def begin(self, hello: dict[str, Any]) -> None:
        """Connect to the hub."""
        self._reader, self._writer = await asyncio.open_unix_connection(SOCKET)
        self._writer.write(packed(hello))

    async def run(self) -> None:
        """Answer until the hub has gone."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head, _body = await receive(self._reader)
                self.heads.append(head)
                usual: dict[str, Any] = (
                    {"facts": FACTS, "grown_mb": 0.0}
                    if head.get("do") == "load"
                    else {"ok": True}
                )
                answer = self.answers.get(head.get("do", ""), usual)
                if "task" in head and answer is not None:
                    said = {"done": head["task"], "seconds": 0.01, **answer}
                    self._writer.write(packed(said))

    def die(self) -> None:
        """End the connection, as one that was killed."""
        self._writer.transport.abort()

    def loaded(self) -> list[int]:
        """Return which strategies it was to load, in order."""
        return [h["strategy_id"] for h in self.heads if h.get("do") == "load"]


class ScriptedHub:
    """A hub that runs in this process and folder. Use as an asynchronous context manager."""

    def __init__(self, *, workers: int = 1) -> None:
        log = cast("OwnLog", SimpleNamespace(line=str))
        self.hub = Hub("test", Settings(workers, 250.0, 10.0), log)
        self.opened = 0
        # What opening the exchange comes to; refused forks to come.
        self.opening: dict[str, Any] = {"ok": True}
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.refusals = 0
        self.forks = 0
        self.played: list[Played] = []
        self._numbers = itertools.count(1)
        self._tasks: list[asyncio.Task[Any]] = []
        self._members: list[Member] = []
        self._make_member = self.hub.crew.member
        self.hub.crew.member = self._member  # type: ignore[method-assign]

    async def __aenter__(self) -> Self:
        ours, makers = socket.socketpair()
        self._run = asyncio.create_task(self.hub.run(ours, 0))
        reader, writer = await asyncio.open_unix_connection(sock=makers)
        self._maker = writer
        self._tasks.append(asyncio.create_task(self._make(reader, writer)))
        await until(self.hub.crew.ready.is_set)
        await until(lambda: self.hub._control._server is not None)
        self._control = await asyncio.open_unix_connection("control.sock")
        return self

    async def __aexit__(self, *_details: object) -> None:
        await self.ask("stop")
        assert await self._run == 0
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # What the end of a process would close.
        self._maker.close()
        self._control[1].close()
        for one in self.played:
            one.die()
        for member in self._members:
            member.close()
        if self.hub.crew._maker is not None:
            self.hub.crew._maker.close()
        await asyncio.sleep(0)

    async def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """Ask as the supervisor does; events are passed over."""
        number = next(self._numbers)
        reader, writer = self._control
        writer.write(json.dumps({"id": number, "do": do, **values}).encode() + b"\n")
        while True:
            said: dict[str, Any] = json.loads(await reader.readline())
            if said.get("id") == number:
                return said

    async def load(self, face: Face, **values: Any) -> dict[str, Any]:
        """Have a strategy loaded."""
        paths = face.paths
        about = {"config": str(paths.config), "userdir": str(paths.folder)}
        about |= {"log": str(paths.log), "run": "run"}
        number = face.strategy_id
        return await self.ask("load", strategy_id=number, **about, **values)

    def state(self, number: int) -> str:
        """Return the state of a strategy."""
        return self.hub.hosted[number].state

    @property
    def workers(self) -> list[Played]:
        """The workers in the order in which they were made."""
        return [one for one in self.played if one.kind == "worker"]

    async def _member(self, kind: str) -> Member:
        """Remember what is made, to close it at the end."""
        made = await self._make_member(kind)
        self._members.append(made)
        return made

    async def _make(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Play the maker."""
        writer.write(packed({"ready": "2026.9", "topics": []}))
        while True:
            head, _body = await receive(reader)
            answer = {"done": head["task"], **await self._made(head)}
            writer.write(packed(answer))

    async def _made(self, head: dict[str, Any]) -> dict[str, Any]:
        if head["do"] == "open":
            self.opened += 1
            await self.may_answer.wait()
            return self.opening
        if head["do"] == "reap":
            return {"code": -9}
        self.forks += 1
        if self.refusals:
            self.refusals -= 1
            return {
                "ok": False,
                "message": "[Errno 11] Resource temporarily unavailable",
            }
        # No process has so high a number, so none is killed.
        one = Played(head["kind"], 5_000_000 + self.forks)
        self.played.append(one)
        await one.begin({"hello": head["name"], "secret": head["secret"]})
        self._tasks.append(asyncio.create_task(one.run()))
        return {"pid": one.pid}


async def until(found: Any) -> None:
    """Wait until ``found`` returns something true."""
    async with asyncio.timeout(_SECONDS):
        while not found():  # noqa: ASYNC110 - what many parts do has no event
            await asyncio.sleep(0.01)
