"""The hub of a runner: knows its strategies, serves them, and says what is done when."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import signal
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.runner.api import StrategyApi
from freqtrade_mgmt.runner.children import share_mb
from freqtrade_mgmt.runner.control import Control
from freqtrade_mgmt.runner.crew import Crew, MakerGoneError, NotMadeError
from freqtrade_mgmt.runner.hosted import (
    FAILED,
    RUNNING,
    UNLOADED,
    Facts,
    Hosted,
    Order,
    OrderError,
)
from freqtrade_mgmt.runner.housing import Housing
from freqtrade_mgmt.runner.logs import line_append
from freqtrade_mgmt.runner.members import Member, Task
from freqtrade_mgmt.runner.questions import Questions
from freqtrade_mgmt.runner.results import Results
from freqtrade_mgmt.runner.rounds import Rounds
from freqtrade_mgmt.runner.watch import Watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine

    from freqtrade_mgmt.runner.logs import OwnLog

logger = logging.getLogger(__name__)

PROTOCOL: Final = 1
_END_SECONDS: Final = 3.0
_UNLOAD_SECONDS: Final = 3.0
# How long it is believed that the exchange cannot be opened: those that wait together
# are told together.
_REFUSAL_SECONDS: Final = 5.0
_MEASURE_SECONDS: Final = 10.0
_LONGEST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class Settings:
    """How much a runner may use.

    ``share_mb`` is what one strategy may grow by, ``analysis_seconds`` how long one
    analysis of one pair may take.
    """

    workers: int
    share_mb: float
    analysis_seconds: float


class Hub:
    """One runner. ``run`` returns its exit code."""

    def __init__(self, name: str, settings: Settings, log: OwnLog) -> None:
        self._name = name
        self.settings = settings
        self.hosted: dict[int, Hosted] = {}
        self.crew = Crew(self._take, self._lost, log.line)
        self.housing = Housing(self)
        self.rounds = Rounds(self)
        self.results = Results(self)
        self._questions = Questions(self)
        self._group: bytes | None = None
        self._opening = asyncio.Lock()
        self._opened = False
        self._refused: dict[str, Any] = {}
        self._refused_until = 0.0
        self._measured, self._held = float("-inf"), dict[str, float]()
        self._stop = asyncio.Event()
        self._work: set[asyncio.Task[Any]] = set()
        self._control = Control(
            {
                "hello": self._hello,
                "list": self._list,
                "load": self._load,
                "stop": self._stop_asked,
                "unload": self._unload,
            }
        )

    async def run(self, maker: socket.socket, maker_pid: int) -> int:
        """Work until SIGTERM, ``stop``, or the end of the maker."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self.crew.start(maker, maker_pid)
        await self._control.start()
        self.begin(self.rounds.run())
        self.begin(Watch(self).run())
        ends = [
            asyncio.ensure_future(event.wait())
            for event in (self._stop, self.crew.gone)
        ]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        code = 0 if self._stop.is_set() else 1
        if code:
            logger.error("The process that makes the others has ended; so does this.")
        else:
            logger.info("SIGINT received, aborting ...")
        await self._close()
        return code

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something beside, and say what went wrong with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._worked)
        return task

    # -- What the supervisor asks for

    async def _hello(self, _asked: dict[str, Any]) -> dict[str, Any]:
        about = {"name": self._name, "pid": os.getpid(), "protocol": PROTOCOL}
        return {**about, "freqtrade": _version(), **await self._list(_asked)}

    async def _list(self, _asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "strategies": [h.told() for h in self.hosted.values()],
            **self._memory(),
        }

    async def _stop_asked(self, _asked: dict[str, Any]) -> dict[str, Any]:
        self._stop.set()
        return {}

    async def _load(self, asked: dict[str, Any]) -> dict[str, Any]:
        order = Order.of(asked)
        if order.strategy_id in self.hosted:
            text = f"Strategy {order.strategy_id} is in the list; unload it first."
            raise OrderError("already", text)
        bound = self._group is not None and (self._opened or self.hosted)
        if bound and order.group != self._group:
            text = "It has another exchange, market or way to it than this runner."
            raise OrderError("other_group", text)
        if order.group != self._group:
            self._group, self._refused = order.group, {}
        hosted = Hosted(order, since_ms=_now_ms())
        self.hosted[hosted.id] = hosted
        self.begin(self._start(hosted))
        return {}

    async def _unload(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            hosted = self.hosted.pop(int(asked["strategy_id"]), None)
        except (KeyError, TypeError, ValueError):
            raise OrderError("config", "There is no number strategy_id.") from None
        if hosted is not None:
            hosted.state = UNLOADED
            await self._end(hosted)
        return {}

    # -- The life of a strategy

    async def _start(self, hosted: Hosted) -> None:
        """Open the exchange if need be, and have the strategy loaded."""
        await self.crew.ready.wait()
        async with self._opening:
            opened = {} if self._opened else await self._open(hosted)
        if opened:
            error, text = opened["error"], opened["message"]
            self.fail(hosted, FAILED, error, text, logged=False)
            return
        try:
            await self.housing.place(hosted)
        except (NotMadeError, TimeoutError):
            text = "No process could be made for it."
            self.fail(hosted, FAILED, "worker", text, logged=False)

    async def _open(self, hosted: Hosted) -> dict[str, Any]:
        """Open the exchange; tells error and message, nothing when it is open.

        It is not opened for one that was unloaded meanwhile.
        """
        if not self.housing.wanted(hosted):
            return {}
        if self._refused and time.monotonic() < self._refused_until:
            return self._refused
        order = hosted.order
        opened = await self.crew.open(order.config, order.userdir)
        self._opened = opened["ok"]
        # What is wrong with its own configuration is not wrong with the others'.
        self._refused = opened if opened.get("shared") else {}
        self._refused_until = time.monotonic() + _REFUSAL_SECONDS
        return {} if self._opened else opened

    def loaded(self, hosted: Hosted) -> None:
        """Go on with a strategy that a worker has loaded, for the first time or again."""
        if hosted.api is None:
            self.begin(self._listen(hosted))
        else:
            self.rounds.poke()

    async def _listen(self, hosted: Hosted) -> None:
        """Open the API of a strategy, as a bot does before its first analysis."""
        api = StrategyApi(hosted, self._questions)
        try:
            await api.start()
        except OSError as error:
            self.fail(hosted, FAILED, "port", str(error), logged=False)
            return
        hosted.api = api
        if not self.housing.wanted(hosted):
            await self._end(hosted)
            return
        self._change(hosted, RUNNING)
        self.rounds.poke()

    def fail(
        self, hosted: Hosted, state: str, error: str, text: str, *, logged: bool = True
    ) -> None:
        """Let a strategy go, and tell why. ``logged``: its own log has the reason."""
        if not hosted.lives:
            return
        if not logged:
            line_append(hosted.order.log, __name__, logging.ERROR, text)
        hosted.error, hosted.message = error, " ".join(text.split())[:_LONGEST_TEXT]
        self._change(hosted, state)
        self.begin(self._end(hosted))

    def blame(
        self, member: Member, hosted: Hosted, state: str, error: str, text: str
    ) -> None:
        """Let a strategy go with the worker that it has spoiled; the others go on."""
        if not member.closing:
            member.closing = True
            self.begin(self.housing.replace(member, hosted))
            self.fail(hosted, state, error, text, logged=False)

    def too_much(self, grown: float) -> str:
        """Return the sentence about a strategy that holds too much."""
        share = self.settings.share_mb
        if grown <= share:
            return f"It asked for more memory at once than its share of {share:.0f} MB."
        return f"It needed {grown:.0f} MB of memory; {share:.0f} MB are its share."

    async def _end(self, hosted: Hosted) -> None:
        """Close the API, and let a worker forget the strategy."""
        if hosted.api is not None:
            await hosted.api.close()
            hosted.api = None
        member, hosted.member = hosted.member, None
        for one in self.housing.members:
            one.drop(hosted)
        if member is not None and not member.closing:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            limit = self.settings.analysis_seconds
            then = _answers(done)
            member.put(Task(-2.0, "unload", hosted, limit, then))
            # One that is busy lets go later; the supervisor does not wait so long.
            await asyncio.wait([done], timeout=_UNLOAD_SECONDS)
        self.rounds.forget()

    def _change(self, hosted: Hosted, state: str) -> None:
        hosted.state = state
        logger.info("Strategy %d: %s. %s", hosted.id, state, hosted.message)
        self._control.tell(hosted.event())

    # -- What comes back

    def _take(self, member: Member, head: dict[str, Any], body: bytes) -> None:
        """Take a message of the feeder or of a worker."""
        if "line" in head:
            logger.info("%s: %s", member.name, head["line"])
        elif self.rounds.is_feeder(member):
            self.rounds.take(head, body)
        elif "say" in head:
            # A worker speaks for its own strategies only.
            hosted = member.speaker(head["say"])
            if hosted is not None and hosted.api:
                hosted.api.broadcast(head["kind"], body)
        elif "part" in head:
            member.part(head["part"], body)
        elif "other" in head:
            self._pairs_changed(member, head)
        else:
            self._done(member, head)

    def _done(self, member: Member, head: dict[str, Any]) -> None:
        task = member.finished(head["done"], spoiled=bool(head.get("spoiled")))
        if task is None:
            return
        task.then(head, task.parts)
        if head.get("gone") and not member.closing:
            # It would never be analysed.
            text = "Its process does not know it any more."
            self.fail(task.hosted, FAILED, "worker", text, logged=False)

    def _pairs_changed(self, member: Member, head: dict[str, Any]) -> None:
        hosted = member.speaker(head["other"])
        if hosted is not None and hosted.api is not None:
            hosted.facts = Facts.of(head["facts"])
            said = hosted.facts.answers["whitelist"]
            hosted.api.broadcast("whitelist", said)

    def _lost(self, member: Member) -> None:
        """Go on without a member that has ended by itself."""
        member.closing = True
        self.begin(self._gone(member))

    async def _gone(self, member: Member) -> None:
        if self.rounds.is_feeder(member):
            await self.rounds.lost()
            return
        task = member.current
        culprit = task.hosted if task is not None else None
        code = await self.housing.replace(member, culprit)
        if self.crew.gone.is_set():
            # All end with the maker; nobody is to blame.
            return
        logger.error("%s has ended with %s.", member.name, code)
        if culprit is not None:
            text = f"The strategy ended its whole process (exit code {code})."
            self.fail(culprit, FAILED, "exit", text, logged=False)

    # -- The end

    async def _close(self) -> None:
        """Let every strategy say that it ends, then end every process."""
        try:
            async with asyncio.timeout(_END_SECONDS):
                await asyncio.gather(
                    *(h.api.close() for h in self.hosted.values() if h.api)
                )
        except TimeoutError:
            logger.warning("Not every client took leave in time.")
        await self._control.close()
        for task in tuple(self._work):
            task.cancel()
        await self.crew.close()

    def _memory(self) -> dict[str, float]:
        """Return what all processes hold together, in MB; shared pages count once.

        Looked up now and then: the kernel counts every page of every process.
        """
        now = time.monotonic()
        if now - self._measured > _MEASURE_SECONDS:
            pids = [os.getpid(), self.crew.maker_pid, self.rounds.feeder_pid]
            pids += [member.pid for member in self.housing.members]
            held = [share_mb(pid) for pid in pids if pid]
            self._measured = now
            self._held = {
                "rss_mb": round(sum(pss for _rss, pss in held), 1),
                "resident_mb": round(sum(rss for rss, _pss in held), 1),
            }
        return self._held

    def _worked(self, task: asyncio.Task[Any]) -> None:
        self._work.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, MakerGoneError):
            logger.error("Something went wrong.", exc_info=error)


def _answers(done: asyncio.Future[None]) -> Any:
    def then(_said: dict[str, Any], _parts: list[bytes]) -> None:
        if not done.done():
            done.set_result(None)

    return then


@cache
def _version() -> str:
    """Return the release of freqtrade, known before it is imported."""
    return importlib.metadata.version("freqtrade")


def _now_ms() -> int:
    return int(time.time() * 1000)
