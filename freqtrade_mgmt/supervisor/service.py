"""The supervisor's loop: look, plan, act, once a second."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.bot_config import (
    BotCredentials,
    BotIdentity,
    BotPaths,
    bot_command,
    bot_environment,
    bot_folder_read,
    bot_folder_write,
    bot_name,
)
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.bots import Bot
from freqtrade_mgmt.supervisor.intake import IntakeQueue
from freqtrade_mgmt.supervisor.plan import (
    CRASH_WINDOW,
    NOT_WANTED,
    STOP_DEADLINE,
    Action,
    Kind,
    Phase,
    cause_of,
    end_in_words,
    plan,
    verdict,
)
from freqtrade_mgmt.supervisor.processes import BotProcess, free_port, size
from signals_app.feed import publish_reload
from strategies.models import Status
from strategies.services import process_seen, process_started

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0
DRAIN_SECONDS: Final = 10.0
Answer = TypeVar("Answer")


class Supervisor:
    """Makes the running bots equal to the wanted strategies."""

    def __init__(self) -> None:
        self._bots: dict[int, Bot] = {}
        self._waiting: dict[int, float] = {}
        self._ends: dict[int, list[float]] = {}
        self._intake = IntakeQueue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="supervisor-db")
        self._last_heartbeat = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Supervise until ``stop`` is set, then end every bot and return."""
        writer = asyncio.create_task(self._intake.run(), name="intake")
        try:
            # Events of an earlier life may be stored but not shown.
            await self._in_thread(publish_reload)
            await self._start_up(stop)
            while not stop.is_set():
                if writer.done():
                    # Without it every bot would run and no signal be stored.
                    writer.result()
                await self._tick()
                await _wait(stop, TICK_SECONDS)
        finally:
            await self._end_all()
            await self._drain()
            writer.cancel()
            self._intake.close()
            await self._in_thread(connections.close_all)
            self._thread.shutdown()

    async def _start_up(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._adopt_all()
            except DatabaseError as error:
                await self._database_away(error)
                await _wait(stop, TICK_SECONDS)
            else:
                return

    async def _tick(self) -> None:
        try:
            wishes = await self._in_thread(records.wishes)
            for action in self._plan(wishes):
                await self._act_alone(action)
            for strategy_id in wishes.stopping - self._bots.keys():
                await self._in_thread(records.stopped, strategy_id)
            await self._heartbeat()
        except DatabaseError as error:
            await self._database_away(error)

    def _plan(self, wishes: records.Wishes) -> list[Action]:
        # A strategy that was stopped and started by hand is tried at once.
        for strategy_id in self._waiting.keys() - wishes.up:
            del self._waiting[strategy_id]
            self._ends.pop(strategy_id, None)
        return plan(
            wanted=wishes.up,
            observed=[bot.observed() for bot in self._bots.values()],
            waiting=self._waiting,
            now=time.monotonic(),
            starts_at_once=max(1, os.cpu_count() or 1),
        )

    async def _act_alone(self, action: Action) -> None:
        """Act; whatever is wrong with one strategy must not end the others."""
        try:
            await self._act(action)
        except DatabaseError:
            raise
        except Exception as error:
            logger.exception("Strategy %s: %s failed.", action.strategy_id, action.kind)
            why = f"The supervisor could not {action.kind} it: {error!r}."
            await self._in_thread(records.failed, action.strategy_id, why)

    async def _act(self, action: Action) -> None:
        bot = self._bots.get(action.strategy_id)
        if action.kind is Kind.START:
            await self._start(action.strategy_id)
        elif bot is None:
            return
        elif action.kind is Kind.PROVE:
            bot.enter(Phase.RUNNING)
            logger.info("%s runs (pid %s).", bot.watched.name, bot.process.key.pid)
            await self._in_thread(records.proven, action.strategy_id)
        elif action.kind is Kind.DOUBT:
            bot.enter(Phase.STARTING)
            logger.warning("%s: %s.", bot.watched.name, action.reason)
            await self._in_thread(records.restarting, action.strategy_id, action.reason)
        elif action.kind is Kind.STOP:
            await self._stop(bot, action.reason)
        elif action.kind is Kind.KILL:
            logger.warning("%s is killed: %s.", bot.watched.name, action.reason)
            bot.process.kill()
        elif action.kind is Kind.BURY:
            await self._bury(bot)

    # -- Starting -----------------------------------------------------------

    async def _start(self, strategy_id: int) -> None:
        # From here on nobody may read "running" until it is proven again.
        await self._in_thread(records.restarting, strategy_id, "")
        try:
            job = await self._in_thread(records.job, strategy_id)
            credentials, port = BotCredentials.random(), free_port()
            paths = bot_folder_write(
                records.bot_folder(strategy_id),
                job.spec,
                credentials,
                port,
                settings.SIMULATOR_URL,
            )
        except BtcWatcherError as error:
            logger.error("Strategy %s cannot be started: %s", strategy_id, error)  # noqa: TRY400
            await self._in_thread(records.failed, strategy_id, error.message)
            return
        log_starts = size(paths.console), size(paths.log)
        process = BotProcess.start(
            bot_command(job.python, paths),
            folder=paths.folder,
            environment=bot_environment(paths),
            console=paths.console,
        )
        details = {"port": port, "freqtrade_version": job.freqtrade_version}
        try:
            row = await self._in_thread(
                lambda: process_started(
                    strategy_id,
                    pid=process.key.pid,
                    create_time=process.key.create_time,
                    details=details,
                )
            )
        except DatabaseError:
            # Unrecorded, nobody would ever find it again.
            process.kill()
            raise
        logger.info("%s starts (pid %s).", job.watched.name, process.key.pid)
        identity = BotIdentity(credentials, port, bot_name(strategy_id))
        bot = Bot(
            watched=job.watched,
            process=process,
            process_row=row.pk,
            paths=paths,
            identity=identity,
            log_starts=log_starts,
        )
        self._bots[strategy_id] = bot
        bot.follow(self._intake, job.newest, settings.SIGNAL_FIRST_BACKFILL)

    async def _adopt_all(self) -> None:
        for left in await self._in_thread(records.open_processes):
            known = self._bots.get(left.strategy_id)
            if known is not None and known.process_row == left.row:
                continue  # adopted before the database went away
            process = BotProcess.adopt(left.key) if left.key else None
            if process is not None and known is None:
                process = await self._adopt(left, process)
            if process is not None:
                # A second one of a strategy, or one that cannot be talked to.
                process.kill()
            adopted = self._bots.get(left.strategy_id)
            if adopted is None or adopted.process_row != left.row:
                await self._in_thread(self._bury_left, left)

    @staticmethod
    def _bury_left(left: records.OpenProcess) -> None:
        records.buried(
            left.row,
            left.strategy_id,
            status=Status.STOPPED,
            reason=end_in_words(None, ""),
        )

    async def _adopt(
        self, left: records.OpenProcess, process: BotProcess
    ) -> BotProcess | None:
        """Take over a bot; return its process when that cannot be done."""
        folder = records.bot_folder(left.strategy_id)
        try:
            identity = bot_folder_read(folder)
            await self._in_thread(records.restarting, left.strategy_id, "")
            watched, newest = await self._in_thread(records.watched, left.strategy_id)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Process %s cannot be adopted.", process.key.pid)
            return process
        bot = Bot(
            watched=watched,
            process=process,
            process_row=left.row,
            paths=BotPaths.of(folder),
            identity=identity,
        )
        self._bots[left.strategy_id] = bot
        bot.follow(self._intake, newest, settings.SIGNAL_FIRST_BACKFILL)
        logger.info("%s was adopted (pid %s).", watched.name, process.key.pid)
        return None

    # -- Ending -------------------------------------------------------------

    async def _stop(self, bot: Bot, reason: str) -> None:
        logger.info("%s is stopped: %s.", bot.watched.name, reason)
        bot.stop_reason = reason
        bot.enter(Phase.STOPPING)
        await bot.leave()
        bot.process.terminate()

    async def _bury(self, bot: Bot) -> None:
        await bot.leave()
        strategy_id = bot.watched.strategy_id
        asked = bot.phase is Phase.STOPPING
        cause, words = cause_of(bot.log_tail(), bot.process.exit_code)
        reason = bot.stop_reason or end_in_words(bot.process.exit_code, words)
        await self._in_thread(
            lambda: records.buried(
                bot.process_row,
                strategy_id,
                status=Status.STOPPED if asked else Status.ERROR,
                reason=reason,
            )
        )
        del self._bots[strategy_id]
        if bot.stop_reason == NOT_WANTED:
            return  # and when it is wanted again already, it is started at once
        if not asked or strategy_id in (await self._in_thread(records.wishes)).up:
            await self._after_unasked_end(bot, cause, reason)

    async def _after_unasked_end(self, bot: Bot, cause: Any, reason: str) -> None:
        strategy_id, now = bot.watched.strategy_id, time.monotonic()
        ends = [e for e in self._ends.get(strategy_id, []) if now - e < CRASH_WINDOW]
        decision = verdict(cause, ends, now, reason, random.random())  # noqa: S311 - jitter
        self._ends[strategy_id] = [*ends, now]
        if decision.give_up:
            logger.error("%s is given up: %s", bot.watched.name, decision.reason)
            self._ends.pop(strategy_id)
            await self._in_thread(records.failed, strategy_id, decision.reason)
            return
        logger.warning(
            "%s ended: %s. It is started again in %.0f s.",
            bot.watched.name,
            reason,
            decision.delay,
        )
        self._waiting[strategy_id] = now + decision.delay
        await self._in_thread(records.restarting, strategy_id, decision.reason)

    async def _end_all(self) -> None:
        for bot in self._bots.values():
            await self._stop(bot, "the supervisor was stopped")
        deadline = time.monotonic() + STOP_DEADLINE
        while any(bot.process.alive() for bot in self._bots.values()):
            if time.monotonic() > deadline:
                for bot in self._bots.values():
                    bot.process.kill()
            await asyncio.sleep(0.1)
        for bot in self._bots.values():
            try:
                await self._in_thread(
                    lambda bot=bot: records.buried(
                        bot.process_row,
                        bot.watched.strategy_id,
                        status=Status.STOPPED,
                        reason=bot.stop_reason,
                    )
                )
            except DatabaseError as error:
                await self._database_away(error)
        self._bots.clear()

    # -- Looking after ------------------------------------------------------

    async def _heartbeat(self) -> None:
        if time.monotonic() - self._last_heartbeat < HEARTBEAT_SECONDS:
            return
        self._last_heartbeat = time.monotonic()
        for bot in list(self._bots.values()):
            bot.cut_console()
            await self._in_thread(
                lambda bot=bot: process_seen(
                    bot.process_row, status=bot.phase, rss_mb=bot.process.rss_mb()
                )
            )

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._intake.drain()
        except TimeoutError:
            logger.error(  # noqa: TRY400 - nothing failed but the waiting
                "The last signals could not be stored; their candles are fetched"
                " again at the next start."
            )

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


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
