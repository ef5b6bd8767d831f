"""Which worker hosts which strategy, and going on when a worker is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.runner.crew import MakerGoneError, NotMadeError
from freqtrade_mgmt.runner.hosted import FAILED, REFUSED, Facts
from freqtrade_mgmt.runner.members import Member, Task

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.hosted import Hosted
    from freqtrade_mgmt.runner.hub import Hub

logger = logging.getLogger(__name__)

LOAD_SECONDS: Final = 30.0
# Before all analyses of the same worker.
_FIRST: Final = -2.0
# A system without room for another process may have it a moment later.
_TRIES, _PAUSE = 3, 1.0
# Deaths of workers that nobody is to blame for, within so many seconds.
_DEATHS, _WITHIN = 3, 120.0


class Housing:
    """All workers, with their strategies."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lock = asyncio.Lock()
        self._deaths: list[float] = []
        self.members: set[Member] = set()

    async def place(self, hosted: Hosted) -> None:
        """Let a strategy be loaded by a worker, unless it was unloaded meanwhile.

        Raises MakerGoneError, NotMadeError, TimeoutError.
        """
        async with self._lock:
            member = await self._free_member() if self.wanted(hosted) else None
            if member is not None and self.wanted(hosted):
                self._load(member, hosted)

    def limit(self, member: Member, task: Task) -> float:
        """Return the seconds that a task may take.

        A load that keeps others waiting may take no longer than an analysis.
        """
        if task.do != "load" or not member.hosted - {task.hosted}:
            return task.limit
        return min(task.limit, self._hub.settings.analysis_seconds)

    def set_apart(self, member: Member, hosted: Hosted) -> None:
        """Load a strategy where nobody waits for it, and the others of its worker anew."""
        logger.warning("Strategy %d loads slowly; it is set apart.", hosted.id)
        hosted.apart = member.closing = True
        self._hub.begin(self._set_apart(member, hosted))

    async def _set_apart(self, member: Member, hosted: Hosted) -> None:
        await self.replace(member, hosted)
        hosted.forgotten()
        await self._move([hosted])

    async def replace(self, member: Member, culprit: Hosted | None) -> int | None:
        """End a worker, and load its strategies into another, without the culprit.

        Returns the exit code of one that had ended by itself. One that is being
        replaced already, for another reason, is left to that.
        """
        if member not in self.members:
            return None
        self.members.discard(member)
        unanswered = member.unanswered()
        others = [h for h in member.hosted - {culprit} if h.lives]
        # Those whose new candle waits first; analyses come between the loads.
        others.sort(key=lambda h: (not self._waits(h), h.urgency))
        # Nobody is asked in vain meanwhile.
        for hosted in others:
            hosted.forgotten()
        code = await self._hub.crew.dismiss(member)
        for task in unanswered:
            task.then({"ok": False, "gone": True}, [])
        if self._hub.crew.gone.is_set():
            return code
        if culprit is None and self._too_often():
            for hosted in others:
                text = f"Its process ended again and again (exit code {code})."
                self._hub.fail(hosted, FAILED, "worker", text, logged=False)
        elif others:
            await self._move(others)
        return code

    async def _move(self, others: list[Hosted]) -> None:
        """Load strategies into a new worker, in this order; those set apart into others."""
        groups = [[h for h in others if not h.apart], *([h] for h in others if h.apart)]
        waiting = set(others)
        try:
            async with self._lock:
                for group in filter(None, groups):
                    fresh = self._idle() if group[0].apart else None
                    fresh = fresh or await self._make()
                    for hosted in filter(self.wanted, group):
                        self._load(fresh, hosted)
                    waiting.difference_update(group)
        except (MakerGoneError, NotMadeError, TimeoutError):
            for hosted in waiting:
                text = "No process could be made for it."
                self._hub.fail(hosted, FAILED, "worker", text, logged=False)

    def _too_often(self) -> bool:
        now = time.monotonic()
        self._deaths = [*(d for d in self._deaths if now - d < _WITHIN), now]
        return len(self._deaths) >= _DEATHS

    async def _free_member(self) -> Member:
        """Return the worker with the least to host, perhaps a new one."""
        hosts = [m for m in self.members if not m.closing and not _loads_slowly(m)]
        least = min(hosts, key=lambda m: len(m.hosted), default=None)
        if least is None or (least.hosted and len(hosts) < self._hub.settings.workers):
            return await self._make()
        return least

    def _idle(self) -> Member | None:
        """Return a worker that hosts nobody and does nothing."""
        free = (m for m in self.members if not (m.closing or m.hosted or m.waiting))
        return next(free, None)

    async def _make(self) -> Member:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(NotMadeError):
                return await self._made()
            await asyncio.sleep(_PAUSE)
        return await self._made()

    async def _made(self) -> Member:
        member = await self._hub.crew.member("worker")
        self._hub.rounds.catch_up(member)
        self.members.add(member)
        return member

    def _load(self, member: Member, hosted: Hosted) -> None:
        order = hosted.order
        values = {
            "config": order.config,
            "userdir": order.userdir,
            "log": str(order.log),
            "since_ms": hosted.since_ms,
        }

        def then(said: dict[str, Any], _parts: list[bytes]) -> None:
            self._loaded(member, hosted, said)

        member.hosted.add(hosted)
        member.load(Task(_FIRST, "load", hosted, LOAD_SECONDS, then, values))

    def _loaded(self, member: Member, hosted: Hosted, said: dict[str, Any]) -> None:
        if said.get("gone"):
            return
        if said.get("spoiled"):
            logger.warning(
                "Strategy %d has changed what all share; its worker is replaced.",
                hosted.id,
            )
            self._hub.begin(self.replace(member, hosted))
        if not self.wanted(hosted):
            member.hosted.discard(hosted)
            member.put(Task(_FIRST, "unload", hosted, LOAD_SECONDS, _nothing))
            return
        if "facts" not in said:
            member.hosted.discard(hosted)
            state = REFUSED if said["error"] == "needs_bot" else FAILED
            self._hub.fail(hosted, state, said["error"], said["message"])
            return
        hosted.facts = Facts.of(said["facts"])
        hosted.member = member
        hosted.grown_mb = said["grown_mb"]
        self._hub.loaded(hosted)

    def wanted(self, hosted: Hosted) -> bool:
        """Tell whether a strategy was neither unloaded nor let go meanwhile."""
        return self._hub.hosted.get(hosted.id) is hosted and hosted.lives

    def _waits(self, hosted: Hosted) -> bool:
        """Tell whether a candle of a strategy was fetched that it has not analysed."""
        last, pairs = self._hub.rounds.last, hosted.facts.pairs if hosted.facts else ()
        return any(last.get(hosted.base_key(p)) != hosted.seen.get(p) for p in pairs)


def _loads_slowly(member: Member) -> bool:
    task = member.current
    return task is not None and task.do == "load" and task.hosted.apart


def _nothing(_said: dict[str, Any], _parts: list[bytes]) -> None:
    """Take an answer that nobody waits for."""
