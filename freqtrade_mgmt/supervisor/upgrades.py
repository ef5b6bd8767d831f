"""Carries out upgrades and downgrades of freqtrade, beside the supervision of bots.

The bots themselves move because the version is a part of their revision: this module
says in the operation's row who runs on what, looks, and says the next thing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from freqtrade_mgmt.health.facts import gather_facts
from freqtrade_mgmt.supervisor import upgrade_files, upgrade_records
from freqtrade_mgmt.supervisor.plan import Cause, Phase
from freqtrade_mgmt.supervisor.upgrade_check import check
from freqtrade_mgmt.upgrades.canary import worse
from freqtrade_mgmt.upgrades.plan import Kind, Seen, Stage, next_step, not_back

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from datetime import datetime

    from freqtrade_mgmt.supervisor.bots import Bot
    from freqtrade_mgmt.supervisor.upgrade_records import UnderWay
    from freqtrade_mgmt.upgrades.canary import Health
    from freqtrade_mgmt.upgrades.plan import Step

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

RATE_SECONDS: Final = 10.0
# Who could not look for so long, as without a database or in a machine that slept, has
# seen nothing that would condemn anybody.
ABSENT_SECONDS: Final = 30.0
# One look may hit a busy second; so many in a row mean something.
LOOKS: Final = 3
# Anything else that the database says is about what was to be stored.
AWAY: Final = (InterfaceError, OperationalError)


@dataclass(frozen=True, slots=True)
class BotNow:
    """A bot that has a process: what it runs, and whether it is proven."""

    version: str
    running: bool


def bots_now(bots: Mapping[int, Bot]) -> dict[int, BotNow]:
    """Return what an upgrade has to know of the bots that have a process."""
    return {
        key: BotNow(
            bot.life.freqtrade_version, bot.phase is Phase.RUNNING and bot.proven
        )
        for key, bot in bots.items()
    }


class Upgrades:
    """The operation that is under way, if any; one at a time.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._now: UnderWay | None = None
        self._task: asyncio.Task[None] | None = None
        self._rating: asyncio.Task[None] | None = None
        self._tidying: asyncio.Task[None] | None = None
        self._tidy = False
        self._waiting: frozenset[int] = frozenset()
        self._rated = 0.0
        self._worse: dict[int, list[str]] = {}
        self._crashes: dict[int, int] = {}
        self._fatal: dict[int, str] = {}
        self._said: dict[int, str] = {}
        self._away: dict[int, datetime] = {}
        me = psutil.Process(os.getpid())
        self._owner = {"pid": me.pid, "create_time": me.create_time(), "absences": 0}
        self._looked: datetime | None = None

    @property
    def held(self) -> frozenset[int]:
        """The strategies that stand still until their trades were looked at."""
        return self._now.op.back if self._now else frozenset()

    def takes(self, strategy_id: int, reason: str) -> bool:
        """Tell whether a strategy that cannot run is ours to mend: it was moved."""
        op = self._now.op if self._now else None
        if self._now is None or op is None or op.stage is not Stage.MOVE:
            return False
        # Pinned meanwhile, nobody would look at it any more.
        if strategy_id not in op.moved or strategy_id not in self._now.states:
            return False
        self._fatal[strategy_id] = reason
        return True

    def ended(self, strategy_id: int, cause: Cause, reason: str) -> None:
        """Note an unasked end of a bot; an exchange that is away says nothing."""
        self._said[strategy_id] = reason
        if cause is not Cause.EXCHANGE:
            self._crashes[strategy_id] = self._crashes.get(strategy_id, 0) + 1

    async def tick(
        self, bots: Mapping[int, BotNow], waiting: frozenset[int] = frozenset()
    ) -> None:
        """Do the next thing, if there is one; to be called once a second.

        ``waiting`` are the strategies that may not run before their proxy is back.
        Raises InterfaceError and OperationalError alone: the database is away.
        """
        self._waiting = waiting
        try:
            await self._tick(bots)
        except AWAY:
            raise
        except Exception:
            # Whatever is wrong with an upgrade must not end the supervision of bots.
            logger.exception("The operation that is under way cannot be carried out.")

    async def _tick(self, bots: Mapping[int, BotNow]) -> None:
        moment = timezone.now()
        await self._look(moment)
        if self._now is None:
            await self._rest()
            return
        self._tidy = False
        self._rate_soon(self._now)
        step = next_step(self._now.op, self._seen(self._now, bots, moment), moment)
        if self._task is not None and not self._task.done():
            if step.kind not in {Kind.CANCEL, Kind.TURN_BACK}:
                return
            await self._end(self._task)
        self._task = None
        try:
            await self._apply(self._now, step, bots)
        except AWAY:
            raise
        except Exception as error:
            logger.exception("Operation %s: %s failed.", self._now.op.id, step.kind)
            why = f"{type(error).__name__}: {error}"
            await self._in_thread(upgrade_records.broken, self._now.op.id, why)
        if step.kind is not Kind.WAIT:
            # What follows in this second has to know who is held.
            self._now = await self._in_thread(upgrade_records.under_way, self._owner)

    async def close(self) -> None:
        """End what is under way in the background; the next supervisor goes on."""
        for task in (self._task, self._rating, self._tidying):
            if task is not None:
                await self._end(task)
        self._task = self._rating = self._tidying = None

    async def _rest(self) -> None:
        """Nothing is under way: remove old copies, once after each operation."""
        if self._tidy:
            return
        await self.close()
        self._tidy = True
        self._tidying = asyncio.create_task(self._remove_old(), name="old copies")

    async def _remove_old(self) -> None:
        lying = await asyncio.to_thread(upgrade_files.backups_lying)
        old = await self._in_thread(upgrade_records.backups_old, lying)
        if old:
            logger.info("Copies of old operations are removed: %s.", sorted(old))
            await asyncio.to_thread(upgrade_files.backups_remove, old)
            await self._in_thread(upgrade_records.backups_gone, old)

    async def _look(self, moment: datetime) -> None:
        """See what is under way; what was seen before an absence says nothing."""
        before = self._looked or moment
        if abs((moment - before).total_seconds()) > ABSENT_SECONDS:
            self._owner["absences"] += 1
        self._now = await self._in_thread(upgrade_records.under_way, self._owner)
        self._looked = moment
        if self._now is not None and self._now.fresh:
            self._forget()

    def _forget(self) -> None:
        for kept in (self._worse, self._crashes, self._fatal, self._said, self._away):
            kept.clear()

    def _seen(
        self, under_way: UnderWay, bots: Mapping[int, BotNow], now: datetime
    ) -> dict[int, Seen]:
        found = {}
        # One that was pinned, and is to be taken back, may still have its bot.
        for key in {*under_way.states, *under_way.op.back}:
            bot = bots.get(key)
            running = bot is not None and bot.running
            waits = key in self._waiting
            if waits:
                self._worse.pop(key, None)
            looks = self._worse.get(key, [])
            if running or waits or not under_way.wanted(key):
                self._away.pop(key, None)
            else:
                self._away.setdefault(key, now)
            found[key] = Seen(
                wanted=under_way.wanted(key),
                waits=waits,
                version=bot.version if bot else "",
                running=running,
                away_since=self._away.get(key),
                crashes=self._crashes.get(key, 0),
                fatal=self._fatal.get(key, ""),
                worse=looks[-1] if len(looks) >= LOOKS else "",
                doubtful=bool(looks),
                reason=self._said.get(key, ""),
            )
        return found

    async def _apply(
        self, now: UnderWay, step: Step, bots: Mapping[int, BotNow]
    ) -> None:
        op, who = now.op, step.strategy_id or 0
        match step.kind:
            case Kind.CHECK:
                work = check(op.id, op.to_version, self._in_thread)
                self._begin(op.id, step.kind, work)
            case Kind.BACKUP:
                self._begin(op.id, step.kind, self._backup(op.id))
            case Kind.MOVE:
                await self._move(op.id, who, first=not op.moved)
            case Kind.PROVEN:
                await self._in_thread(upgrade_records.proven, op.id, who)
            case Kind.WATCH:
                await self._in_thread(
                    upgrade_records.watch, op.id, who, now.watch_seconds
                )
            case Kind.WATCHED:
                await self._in_thread(
                    upgrade_records.watched, op.id, who, now.watch_seconds
                )
            case Kind.COMPLETE:
                await self._in_thread(upgrade_records.complete, op.id)
            case _:
                await self._apply_back(now, step, bots)

    async def _apply_back(
        self, now: UnderWay, step: Step, bots: Mapping[int, BotNow]
    ) -> None:
        op, who = now.op, step.strategy_id
        match step.kind:
            case Kind.TAKE_BACK:
                self._begin(op.id, step.kind, self._take_back(op.id, who or 0))
            case Kind.CANCEL:
                await self._in_thread(upgrade_records.cancelled, op.id, step.words)
            case Kind.TURN_BACK:
                await self._in_thread(
                    upgrade_records.turn_back, op.id, step.why, who, step.words
                )
            case Kind.FINISH_BACK:
                missing = not_back(op, self._seen(now, bots, timezone.now()))
                await self._in_thread(upgrade_records.finish_back, op.id, missing)

    def _begin(
        self, upgrade_id: int, kind: Kind, work: Coroutine[Any, Any, None]
    ) -> None:
        self._task = asyncio.create_task(
            self._whole(upgrade_id, work), name=f"upgrade {upgrade_id}: {kind}"
        )

    # Files are copied in threads of their own: what needs the database, the supervision
    # of all bots, must not wait for them.

    async def _backup(self, upgrade_id: int) -> None:
        made = 0
        try:
            for key in await self._in_thread(upgrade_records.unpinned):
                made += await asyncio.to_thread(
                    upgrade_files.backup_one, upgrade_id, key
                )
        except OSError as error:
            problem = str(error)
            await self._in_thread(upgrade_records.backup_failed, upgrade_id, problem)
        else:
            await self._in_thread(upgrade_records.backed_up, upgrade_id, made)

    async def _take_back(self, upgrade_id: int, strategy_id: int) -> None:
        code: str = "let_go"
        data: Mapping[str, str] = {}
        if await self._in_thread(
            upgrade_records.may_take_back, upgrade_id, strategy_id
        ):
            code, data = await asyncio.to_thread(
                upgrade_records.trades_back, upgrade_id, strategy_id
            )
        await self._in_thread(
            upgrade_records.take_back, upgrade_id, strategy_id, code, data
        )

    async def _whole(self, upgrade_id: int, work: Coroutine[Any, Any, None]) -> None:
        """Do something long; what is lost with the database is done again."""
        try:
            await work
        except* AWAY as errors:
            logger.warning("Operation %s waits for the database.", upgrade_id)
            del errors
        except* Exception as errors:
            error = errors.exceptions[0]
            logger.exception("Operation %s failed.", upgrade_id, exc_info=error)
            why = f"{type(error).__name__}: {error}"
            await self._in_thread(upgrade_records.broken, upgrade_id, why)

    async def _move(self, upgrade_id: int, strategy_id: int, *, first: bool) -> None:
        before = await self._health(strategy_id) if first else None
        # One that was started or made since the backup has none yet.
        if not upgrade_files.has_backup(upgrade_id, strategy_id):
            await asyncio.to_thread(upgrade_files.backup_one, upgrade_id, strategy_id)
        for kept in (self._crashes, self._fatal, self._said, self._worse):
            kept.pop(strategy_id, None)
        await self._in_thread(upgrade_records.move, upgrade_id, strategy_id, before)

    # -- Health of the canary ------------------------------------------------

    def _rate_soon(self, under_way: UnderWay) -> None:
        """Look at the canary's health now and then while it is watched."""
        op = under_way.op
        if op.canary is None or op.watch_until is None or op.watched:
            return
        busy = self._rating is not None and not self._rating.done()
        due = time.monotonic() - self._rated > RATE_SECONDS
        if due and not busy and op.stage is Stage.MOVE:
            self._rated = time.monotonic()
            self._rating = asyncio.create_task(
                self._rate(op.id, op.canary), name="health of the canary"
            )

    async def _rate(self, upgrade_id: int, strategy_id: int) -> None:
        try:
            before = await self._in_thread(upgrade_records.health_before, upgrade_id)
            words = worse(before, await self._health(strategy_id))
            seen = self._worse.get(strategy_id, [])
            self._worse[strategy_id] = [*seen, words] if words else []
        except AWAY:
            return  # it is looked at again
        except Exception:
            # Without a look there is no doubt either, or the watch would never end.
            logger.exception("The health of strategy %s cannot be seen.", strategy_id)
            self._worse.pop(strategy_id, None)

    async def _health(self, strategy_id: int) -> Health | None:
        """Return how well a strategy is now, as a health round would judge it."""
        now = timezone.now()
        found = await self._in_thread(upgrade_records.health_subject, strategy_id, now)
        if found is None:
            return None
        subject, counts = found
        facts = await gather_facts([subject], counts, now)
        known = facts.get(strategy_id)
        return None if known is None else upgrade_records.health_of(known)

    async def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
