"""The supervisor's loop: look, plan, act, once a second."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.failover.deciding import HeldError
from freqtrade_mgmt.here import NotHereError
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.adopting import adopt, adopt_all
from freqtrade_mgmt.supervisor.bots import Bot
from freqtrade_mgmt.supervisor.duties import Duties
from freqtrade_mgmt.supervisor.ending import drained, ended
from freqtrade_mgmt.supervisor.heartbeat import Heartbeat
from freqtrade_mgmt.supervisor.hosting import Hosting
from freqtrade_mgmt.supervisor.hosting_without import WAITS, TurnLaterError
from freqtrade_mgmt.supervisor.intake import IntakeQueue
from freqtrade_mgmt.supervisor.launch import Launch
from freqtrade_mgmt.supervisor.leasing import LeaseGoneError, NodeNameTakenError
from freqtrade_mgmt.supervisor.limits import BOT_MB, budget_mb, refusal
from freqtrade_mgmt.supervisor.local_release import LocalReleases, ReleaseMissingError
from freqtrade_mgmt.supervisor.patience import Patience
from freqtrade_mgmt.supervisor.plan import (
    ASKED,
    NOT_WANTED,
    RESTARTED,
    Action,
    Cause,
    Kind,
    Phase,
    end_in_words,
    plan,
)
from freqtrade_mgmt.supervisor.processes import Port
from freqtrade_mgmt.supervisor.routing import Routing
from freqtrade_mgmt.supervisor.sharing import Sharing
from freqtrade_mgmt.supervisor.starting import Starting
from signals_app.feed import publish_reload
from strategies.models import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from freqtrade_mgmt.supervisor.bots import Life
    from freqtrade_mgmt.supervisor.hosting import HostedLaunch
    from freqtrade_mgmt.supervisor.processes import AnyProcess

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
NAME_SECONDS: Final = 2.0
Answer = TypeVar("Answer")
# Anything else that the database says is about the strategy that was asked for.
AWAY: Final = (InterfaceError, OperationalError)


class Supervisor:
    """Makes the running bots equal to the wanted strategies."""

    def __init__(self) -> None:
        self._bots: dict[int, Bot] = {}
        self._patience = Patience()
        self._intake = IntakeQueue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="supervisor-db")
        self._duties = Duties(self._in_thread)
        self._routing = Routing(self._in_thread)
        self._heartbeat = Heartbeat(self._in_thread)
        self._sharing = Sharing(self._in_thread, self._bots)
        self._leases = self._sharing.leases
        self._releases = LocalReleases(self._in_thread)
        self._starting = Starting(self._in_thread, self._leases)
        self._hosting = Hosting(self._in_thread)

    async def run(self, stop: asyncio.Event) -> None:
        """Supervise until ``stop`` is set, then end every bot and return."""
        writer = asyncio.create_task(self._intake.run(), name="intake")
        keeper = asyncio.create_task(
            self._leases.run(partial(self._sharing.end_without_lease, self._stop)),
            name="leases",
        )
        try:
            # Events of an earlier life may be stored but not shown.
            await self._in_thread(publish_reload)
            await self._start_up(stop)
            while not stop.is_set():
                for task in (writer, keeper):
                    # Without the first every bot would run and no signal be stored.
                    if task.done():
                        task.result()
                await self._tick()
                await _wait(stop, TICK_SECONDS)
        finally:
            await self._duties.close()
            await self._releases.close()
            await self._end_all()
            await self._hosting.close()
            await self._routing.bridges.close()
            await drained(self._intake)
            keeper.cancel()
            await self._leases.close()
            writer.cancel()
            self._intake.close()
            await self._in_thread(connections.close_all)
            self._thread.shutdown()

    async def _start_up(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._leases.ensure()
                await self._adopt_all()
            except NodeNameTakenError:
                await _wait(stop, NAME_SECONDS)
            except DatabaseError as error:
                await self._database_away(error)
                await _wait(stop, TICK_SECONDS)
            else:
                return

    async def _tick(self) -> None:
        # Before anything that needs the database: disks fill up without it as well.
        for bot in self._bots.values():
            bot.cut_console()
        await self._hosting.look()
        try:
            await self._starting.bury_vain()
            await self._leases.ensure()
            everybody = await self._in_thread(records.wishes)
            wishes = await self._sharing.tick(everybody)
            await self._duties.tick(
                self._bots, everybody.held, ours=self._leases.duties
            )
            await self._releases.tick(alone=self._sharing.alone)
            await self._hosting.tell()
            for action in self._plan(wishes):
                await self._act_alone(action)
            for strategy_id in wishes.stopping - self._bots.keys():
                await self._in_thread(records.stopped, strategy_id)
            await self._routing.tick(wishes.held, self._bots)
            await self._heartbeat.tick(self._bots.values())
        except NodeNameTakenError:
            return  # said already; it is asked again at the next tick
        except DatabaseError as error:
            await self._database_away(error)

    def _plan(self, wishes: records.Wishes) -> list[Action]:
        self._patience.forgive(wishes.up)
        revisions = self._routing.wanted(wishes.up, self._bots)
        revisions |= self._hosting.back(wishes.hosted, self._bots)
        actions = plan(
            wanted=wishes.up.keys() - self._duties.upgrades.held,
            observed=[
                bot.observed(
                    revisions.get(key),
                    settings.BOT_MEMORY_MB,
                    may_share=key in wishes.hosted,
                )
                for key, bot in self._bots.items()
            ],
            waiting=_latest(
                self._patience.until(), self._releases.waiting, self._hosting.waiting
            ),
            now=time.monotonic(),
            starts_at_once=max(1, os.cpu_count() or 1),
            sharing=self._hosting.sharing(wishes.hosted),
        )
        return self._sharing.explained(self._routing.explained(actions, wishes.held))

    async def _act_alone(self, action: Action) -> None:
        """Act; whatever is wrong with one strategy must not end the others."""
        try:
            await self._act(action)
        except AWAY:
            raise
        except Exception as error:
            logger.exception("Strategy %s: %s failed.", action.strategy_id, action.kind)
            why = f"The supervisor could not {action.kind} it: {error!r}."
            await self._failed(action.strategy_id, why)

    async def _failed(
        self, strategy_id: int, reason: str, *, waits: bool = False
    ) -> None:
        """Give a strategy up, unless it ``waits`` or the upgrade that moved it takes it."""
        taken = self._duties.upgrades.takes(strategy_id, reason)
        record = records.restarting if taken or waits else records.failed
        await self._in_thread(record, strategy_id, reason)

    async def _act(self, action: Action) -> None:
        bot = self._bots.get(action.strategy_id)
        if action.kind is Kind.START:
            await self._start(action.strategy_id)
        elif bot is None:
            return
        elif action.kind is Kind.PROVE:
            # Recorded first: a database that is away must not hide the change for ever.
            await self._in_thread(records.proven, action.strategy_id)
            bot.enter(Phase.RUNNING)
            await self._sharing.runs(action.strategy_id)
            logger.info("%s runs (pid %s).", bot.watched.name, bot.process.key.pid)
        elif action.kind is Kind.DOUBT:
            await self._in_thread(records.restarting, action.strategy_id, action.reason)
            bot.enter(Phase.STARTING)
            logger.warning("%s: %s.", bot.watched.name, action.reason)
        elif action.kind is Kind.STOP:
            await self._stop_alone(bot, bot.explained(action.reason))
        elif action.kind is Kind.KILL:
            logger.warning("%s is killed: %s.", bot.watched.name, action.reason)
            bot.kill_reason = action.reason
            bot.process.kill()
        elif action.kind is Kind.BURY:
            await self._bury(bot)

    # -- Starting -----------------------------------------------------------

    async def _start(self, strategy_id: int) -> None:
        # From here on nobody may read "running" until it is proven again.
        await self._in_thread(records.restarting, strategy_id, "")
        port = Port()
        try:
            job, life = await self._launched(strategy_id, port)
        except (HeldError, LeaseGoneError, TurnLaterError):
            port.close()  # the next wishes tell that it has to wait
            return
        except ReleaseMissingError as error:
            port.close()
            await self._in_thread(records.restarting, strategy_id, error.message)
            return
        except (NotHereError, OSError) as error:
            port.close()
            await self._not_here(strategy_id, error)
            return
        except BtcWatcherError as error:
            port.close()
            logger.error("Strategy %s cannot be started: %s", strategy_id, error)  # noqa: TRY400
            await self._failed(strategy_id, error.message)
            return
        except BaseException:
            port.close()
            raise
        logger.info("%s starts (pid %s).", job.watched.name, life.process.key.pid)
        bot = self._bots[strategy_id] = Bot(job.watched, life)
        bot.follow(self._intake, job.newest, settings.SIGNAL_FIRST_BACKFILL)

    async def _launched(self, strategy_id: int, port: Port) -> tuple[records.Job, Life]:
        job = await self._in_thread(records.job, strategy_id)
        check_memory = partial(self._check_memory, job.watched.name)
        if not job.hosted:
            check_memory(BOT_MB)
        job = await self._releases.found(job)
        job, bridge = await self._routing.through(job)
        prepared = await self._in_thread(Launch.prepare, job, port.number, bridge)
        if prepared.as_root:
            await self._sharing.check_root(strategy_id)
        launch: Launch | HostedLaunch = prepared
        if job.hosted:
            launch = await self._hosting.board(prepared, check_memory)
        return job, await self._starting.launch(strategy_id, launch, port)

    async def _not_here(self, strategy_id: int, error: Exception) -> None:
        """Leave a strategy to another node; where there is none, give it up, or wait."""
        # Who waits asks again and again.
        level = logging.INFO if WAITS in str(error) else logging.ERROR
        logger.log(level, "Strategy %s cannot be started here: %s", strategy_id, error)
        if why := await self._sharing.not_here(strategy_id, str(error)):
            # Here, or on another node that could not take it either.
            waits = WAITS in why
            if waits:
                self._hosting.postpone(strategy_id)
            await self._failed(strategy_id, why, waits=waits)

    def _check_memory(self, name: str, needs: float) -> None:
        own = [bot.process for bot in self._bots.values() if not bot.process.hosted]
        held = [process.rss_mb() for process in own] + self._hosting.held_mb()
        if why := refusal(name, held, budget_mb(settings.BOTS_MEMORY_MB), needs):
            raise NotHereError(why)

    async def _adopt_all(self) -> None:
        await adopt_all(
            self._bots, self._leases, self._in_thread, self._adopt, self._hosting
        )

    async def _adopt(self, left: records.OpenProcess, process: AnyProcess) -> None:
        found = await adopt(left, process, self._in_thread)
        if found is None:
            return
        bot, newest = found
        await self._routing.adopted(bot)
        self._bots[left.strategy_id] = bot
        bot.follow(self._intake, newest, settings.SIGNAL_FIRST_BACKFILL)
        logger.info("%s was adopted (pid %s).", bot.watched.name, process.key.pid)

    # -- Ending -------------------------------------------------------------

    async def _stop_alone(self, bot: Bot, reason: str) -> None:
        """Stop a bot; one that is to be replaced does not run from now on."""
        if reason != NOT_WANTED:
            why = "" if reason == RESTARTED else reason
            await self._in_thread(records.restarting, bot.watched.strategy_id, why)
        await self._stop(bot, reason)

    async def _stop(self, bot: Bot, reason: str) -> None:
        if bot.phase is Phase.STOPPING:
            return  # told already: a second signal can make freqtrade hang
        logger.info("%s is stopped: %s.", bot.watched.name, reason)
        bot.stop_reason = reason
        bot.enter(Phase.STOPPING)
        await bot.leave()
        bot.process.terminate()

    async def _bury(self, bot: Bot) -> None:
        await self._hosting.noticed(bot)
        await bot.leave()
        bot.release()
        strategy_id = bot.watched.strategy_id
        asked = bot.phase is Phase.STOPPING
        cause, words = bot.last_words()
        words = self._routing.reason(bot, words)
        reason = (
            bot.stop_reason
            or bot.process.end_words()
            or end_in_words(bot.process.exit_code, words, bot.kill_reason)
        )
        await self._in_thread(
            lambda: records.buried(
                bot.life.row,
                strategy_id if strategy_id in self._leases.held else 0,
                status=Status.STOPPED if asked else Status.ERROR,
                reason=reason,
            )
        )
        del self._bots[strategy_id]
        if bot.stop_reason in ASKED:
            return  # and when it is wanted again already, it is started at once
        if not asked or strategy_id in (await self._in_thread(records.wishes)).up:
            await self._after_unasked_end(bot, cause, reason)

    async def _after_unasked_end(self, bot: Bot, cause: Cause, reason: str) -> None:
        strategy_id = bot.watched.strategy_id
        if not bot.process.moves:
            self._duties.upgrades.ended(strategy_id, cause, reason)
        follows = await self._hosting.takes(bot, cause, reason, self._bots.values())
        if follows is None:
            return
        decision = self._patience.after_end(
            strategy_id, bot.life.revision, follows, reason, time.monotonic()
        )
        if decision.give_up:
            logger.error("%s is given up: %s", bot.watched.name, decision.reason)
            await self._failed(strategy_id, decision.reason)
            return
        logger.warning(
            "%s ended: %s. It is started again in %.0f s.",
            bot.watched.name,
            reason,
            decision.delay,
        )
        await self._in_thread(records.restarting, strategy_id, decision.reason)

    async def _end_all(self) -> None:
        why = "the supervisor was stopped"
        await asyncio.gather(*(self._stop(bot, why) for bot in self._bots.values()))
        self._hosting.end_all()
        try:
            await ended(self._bots.values(), self._in_thread)
        except DatabaseError as error:
            # The next supervisor finds the rows, and no processes.
            await self._database_away(error)
        self._bots.clear()

    # -- Looking after ------------------------------------------------------

    async def _database_away(self, error: DatabaseError) -> None:
        logger.error(
            "The database does not answer (%s). The bots go on; their candles are"
            " fetched when it is back.",
            type(error).__name__,
        )
        await self._in_thread(close_old_connections)

    async def _in_thread(
        self, function: Callable[..., Answer], *arguments: object
    ) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)


def _latest(*waiting: Mapping[int, float]) -> dict[int, float]:
    """Return until when each waits that waits for several things."""
    keys = {key for each in waiting for key in each}
    return {key: max(each.get(key, 0.0) for each in waiting) for key in keys}


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
