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
from django.db import Error as DatabaseError
from django.utils import timezone

from freqtrade_mgmt.health.facts import gather_facts
from freqtrade_mgmt.supervisor import upgrade_records
from freqtrade_mgmt.supervisor.plan import Cause, Phase
from freqtrade_mgmt.supervisor.upgrade_check import check
from freqtrade_mgmt.upgrades.canary import worse
from freqtrade_mgmt.upgrades.plan import Kind, Seen, Stage, next_step, not_back

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from freqtrade_mgmt.supervisor.bots import Bot
    from freqtrade_mgmt.supervisor.upgrade_records import UnderWay
    from freqtrade_mgmt.upgrades.canary import Health
    from freqtrade_mgmt.upgrades.plan import Step

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

RATE_SECONDS: Final = 10.0
# One look may hit a busy second; so many in a row mean something.
LOOKS: Final = 3


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
        self._rated = 0.0
        self._worse: dict[int, list[str]] = {}
        self._crashes: dict[int, int] = {}
        self._fatal: dict[int, str] = {}
        self._said: dict[int, str] = {}
        self._away: dict[int, datetime] = {}
        me = psutil.Process(os.getpid())
        self._owner = {"pid": me.pid, "create_time": me.create_time()}

    @property
    def held(self) -> frozenset[int]:
        """The strategies that stand still until their trades were looked at."""
        return self._now.op.back if self._now else frozenset()

    def takes(self, strategy_id: int, reason: str) -> bool:
        """Tell whether a strategy that cannot run is ours to mend: it was moved."""
        op = self._now.op if self._now else None
        if op is None or op.stage is not Stage.MOVE or strategy_id not in op.moved:
            return False
        self._fatal[strategy_id] = reason
        return True

    def ended(self, strategy_id: int, cause: Cause, reason: str) -> None:
        """Note an unasked end of a bot; an exchange that is away says nothing."""
        self._said[strategy_id] = reason
        if cause is not Cause.EXCHANGE:
            self._crashes[strategy_id] = self._crashes.get(strategy_id, 0) + 1

    async def tick(self, bots: Mapping[int, BotNow]) -> None:
        """Do the next thing, if there is one; to be called once a second.

        Raises DatabaseError alone.
        """
        self._now = await self._in_thread(upgrade_records.under_way, self._owner)
        if self._now is None:
            await self.close()
            return
        if self._now.fresh:
            self._forget()
        moment = timezone.now()
        self._rate_soon(self._now)
        step = next_step(self._now.op, self._seen(self._now, bots, moment), moment)
        if self._task is not None and not self._task.done():
            if step.kind not in {Kind.CANCEL, Kind.TURN_BACK}:
                return
            await self._end(self._task)
        self._task = None
        try:
            await self._apply(self._now, step, bots)
        except DatabaseError:
            raise
        except Exception as error:
            # Whatever is wrong with an upgrade must not end the supervision of bots.
            logger.exception("Operation %s: %s failed.", self._now.op.id, step.kind)
            why = f"{type(error).__name__}: {error}"
            await self._in_thread(upgrade_records.broken, self._now.op.id, why)
        if step.kind is not Kind.WAIT:
            # What follows in this second has to know who is held.
            self._now = await self._in_thread(upgrade_records.under_way, self._owner)

    async def close(self) -> None:
        """End what is under way in the background; the next supervisor goes on."""
        for task in (self._task, self._rating):
            if task is not None:
                await self._end(task)
        self._task = self._rating = None

    def _forget(self) -> None:
        for kept in (self._worse, self._crashes, self._fatal, self._said, self._away):
            kept.clear()

    def _seen(
        self, under_way: UnderWay, bots: Mapping[int, BotNow], now: datetime
    ) -> dict[int, Seen]:
        found = {}
        for key in under_way.states:
            bot = bots.get(key)
            running = bot is not None and bot.running
            looks = self._worse.get(key, [])
            if running:
                self._away.pop(key, None)
            else:
                self._away.setdefault(key, now)
            found[key] = Seen(
                wanted=under_way.wanted(key),
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
            case Kind.CHECK | Kind.BACKUP:
                self._begin(now, step.kind)
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
            case Kind.CANCEL:
                await self._in_thread(upgrade_records.cancelled, op.id, step.words)
            case Kind.TURN_BACK:
                await self._in_thread(
                    upgrade_records.turn_back, op.id, step.why, who, step.words
                )
            case Kind.TAKE_BACK:
                await self._in_thread(upgrade_records.take_back, op.id, who)
            case Kind.FINISH_BACK:
                missing = not_back(op, self._seen(now, bots, timezone.now()))
                await self._in_thread(upgrade_records.finish_back, op.id, missing)

    def _begin(self, now: UnderWay, kind: Kind) -> None:
        if kind is Kind.CHECK:
            work = check(now.op.id, now.op.to_version, self._in_thread)
        else:
            work = self._backup(now.op.id)
        self._task = asyncio.create_task(
            self._whole(now.op.id, work), name=f"upgrade {now.op.id}: {kind}"
        )

    async def _backup(self, upgrade_id: int) -> None:
        await self._in_thread(upgrade_records.backup, upgrade_id)

    async def _whole(self, upgrade_id: int, work: Any) -> None:
        """Do something long; what is lost with the database is done again."""
        try:
            await work
        except* DatabaseError as errors:
            logger.warning("Operation %s waits for the database.", upgrade_id)
            del errors
        except* Exception as errors:
            error = errors.exceptions[0]
            logger.exception("Operation %s failed.", upgrade_id, exc_info=error)
            why = f"{type(error).__name__}: {error}"
            await self._in_thread(upgrade_records.broken, upgrade_id, why)

    async def _move(self, upgrade_id: int, strategy_id: int, *, first: bool) -> None:
        before = await self._health(strategy_id) if first else None
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
        except DatabaseError:
            return  # it is looked at again

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
