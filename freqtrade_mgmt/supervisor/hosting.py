"""The runners of this node: processes that host many strategies each."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from freqtrade_mgmt.bot_config import SIMULATED
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.hosting_ends import Ends, RunnerEnd
from freqtrade_mgmt.supervisor.hosting_groups import (
    EMPTY_MB,
    Group,
    Own,
    Room,
    Weight,
    heaviest,
    new_name,
    seat,
)
from freqtrade_mgmt.supervisor.hosting_list import Listed, list_read, list_write
from freqtrade_mgmt.supervisor.hosting_process import HostedProcess, runner_end
from freqtrade_mgmt.supervisor.hosting_records import moved_out
from freqtrade_mgmt.supervisor.hosting_runner import Load, Runner
from freqtrade_mgmt.supervisor.hosting_start import (
    RunnerPaths,
    run_new,
    runner_folder_write,
    runner_process_start,
)
from freqtrade_mgmt.supervisor.limits import BOT_MB
from freqtrade_mgmt.supervisor.logs import cut_console, size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from freqtrade_mgmt.supervisor.bots import Bot, Life
    from freqtrade_mgmt.supervisor.launch import Launch
    from freqtrade_mgmt.supervisor.processes import AnyProcess, Port
    from strategies.models import StrategyProcess

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

# An empty runner is kept for the next strategy for so long.
IDLE_SECONDS: Final = 30.0
STOP_SECONDS: Final = 8.0
MEET_SECONDS: Final = 10.0
TOO_MUCH: Final = "it held {held:.0f} MB of memory and may hold {most} MB"


@dataclass(frozen=True, slots=True)
class HostedLaunch:
    """A start that is prepared, into a runner. It has the face of a Launch."""

    launch: Launch
    runner: Runner
    weight: Weight

    def record(self) -> StrategyProcess:
        """Record the start that is about to happen, and where."""
        more = {"runner": self.runner.name, "analyses": self.weight.analyses}
        return self.launch.record(more)

    def start(self) -> HostedProcess:
        """Have it loaded."""
        launch = self.launch
        load = Load(
            strategy_id=launch.job.spec.strategy_id,
            run=launch.run,
            weight=self.weight,
            config=str(launch.paths.config),
            userdir=str(launch.paths.folder),
            log=str(launch.paths.log),
        )
        return HostedProcess(self.runner, self.runner.take(load))

    def life(self, process: AnyProcess, row: int, port: Port) -> Life:
        """Return the life that begins with ``process``, recorded in ``row``."""
        return self.launch.life(process, row, port)


class Hosting:
    """Starts, watches and ends runners, and gives strategies places in them.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._runners: dict[str, Runner] = {}
        self._listed: dict[str, Listed] = {}
        self._ends = Ends()
        self._waiting: dict[int, float] = {}
        # Those whose runners do not start, with their groups.
        self._without: dict[int, Group] = {}
        self._stopped: dict[str, float] = {}

    # -- What the plan has to know ---------------------------------------------

    @property
    def waiting(self) -> Mapping[int, float]:
        """Before which moment (monotonic) each strategy is not started again."""
        return self._waiting

    def sharing(self, hosted: frozenset[int]) -> frozenset[int]:
        """Return those that can share, of the strategies that may."""
        now = time.monotonic()
        return hosted - {
            key
            for key, group in self._without.items()
            if not self._ends.works(group, now)
        }

    def held_mb(self) -> list[float]:
        """Return what each runner holds, in MB; one that is new counts by its start."""
        return [runner.held for runner in self._runners.values()]

    # -- Starting ---------------------------------------------------------------

    async def board(
        self, launch: Launch, check_memory: Callable[[float], None]
    ) -> Launch | HostedLaunch:
        """Return how a strategy that may share a process starts.

        ``check_memory`` raises NotHereError where so many MB have no room. So does this
        where a runner cannot be started, and OSError.
        """
        key, spec = launch.job.spec.strategy_id, launch.job.spec
        simulator = settings.SIMULATOR_URL if spec.exchange == SIMULATED else ""
        group = Group.of(launch.job.python, spec, simulator)
        group = replace(group, lot=self._ends.lot(key))
        if not self._ends.works(group, time.monotonic()):
            self._without[key] = group
            check_memory(BOT_MB)
            return replace(launch, own=Own.BROKEN)
        weight = Weight.of(len(spec.pairs))
        room = Room(settings.RUNNER_MEMORY_MB, settings.RUNNER_ANALYSES)
        benches = [runner.bench() for runner in self._runners.values()]
        name = seat(key, group, weight, benches, room)
        if name is not None:
            check_memory(weight.memory_mb)
            return HostedLaunch(launch, self._runners[name], weight)
        check_memory(EMPTY_MB)
        return HostedLaunch(launch, await self._start(group, launch), weight)

    async def _start(self, group: Group, launch: Launch) -> Runner:
        name = new_name(group.exchange, {*self._runners, *self._listed})
        python, run = launch.job.python, run_new()
        await self._in_thread(runner_folder_write, name, launch.user)
        paths = RunnerPaths.of(name)
        starts = size(paths.console), size(paths.log)
        # Written down before it exists: killed in between, we find it by its mark.
        self._listed[name] = Listed(name, run, group)
        list_write(self._listed.values())
        try:
            process = runner_process_start(name, python, run, launch.user)
        except BaseException:
            del self._listed[name]
            raise
        self._listed[name] = Listed(name, run, group, process.key)
        runner = self._runners[name] = Runner(name, group, process, starts)
        runner.begin()
        list_write(self._listed.values())
        logger.info("Shared process %s starts (pid %s).", name, process.key.pid)
        return runner

    # -- Adopting -----------------------------------------------------------------

    async def adopt(
        self, rows: Iterable[records.OpenProcess]
    ) -> list[records.OpenProcess]:
        """Return the rows with what lives of those that shared a process.

        Runners that an earlier supervisor left are met first; those that do not answer
        are ended. What is in them stays until ``settle``. Raises DatabaseError.
        """
        await self._meet_old()
        return [await self._found(row) if row.runner else row for row in rows]

    def settle(self) -> None:
        """Have those taken out whose rows were not given back to anybody."""
        for runner in self._runners.values():
            runner.settle()

    async def _meet_old(self) -> None:
        old = [each for each in list_read() if each.name not in self._runners]
        met = []
        for listed in old:
            process = await asyncio.to_thread(listed.process)
            if process is None:
                continue
            runner = Runner(listed.name, listed.group, process, adopted=True)
            self._runners[listed.name] = runner
            self._listed[listed.name] = replace(listed, key=process.key)
            runner.begin()
            met.append(runner)
        await asyncio.gather(*(self._meet(runner) for runner in met))
        if old:
            list_write(self._listed.values())

    async def _meet(self, runner: Runner) -> None:
        try:
            async with asyncio.timeout(MEET_SECONDS):
                await runner.met.wait()
        except TimeoutError:
            why = runner.fault or "it does not answer"
            logger.warning("Shared process %s is ended: %s.", runner.name, why)
            runner.process.kill()
            await self._forget(runner)
        else:
            logger.info(
                "Shared process %s was adopted (pid %s).",
                runner.name,
                runner.process.key.pid,
            )

    async def _found(self, row: records.OpenProcess) -> records.OpenProcess:
        runner = self._runners.get(row.runner)
        if runner is None or not runner.alive():
            return row
        known = runner.places.get(row.strategy_id)
        run = str(row.details.get("run", ""))
        if known is not None and known.load.run == run:
            return replace(row, process=HostedProcess(runner, known))
        analyses = int(row.details.get("analyses") or 1)
        place = runner.take_back(Load(row.strategy_id, run, Weight.of(analyses)))
        if place is None:
            return row
        if row.details.get("create_time") is None:
            await self._in_thread(records.known, row.row, runner.process.key)
        return replace(row, process=HostedProcess(runner, place))

    # -- Looking after ---------------------------------------------------------------

    async def look(self) -> None:
        """Do what has to be done about runners; nothing here asks the database."""
        now = time.monotonic()
        self._waiting = {key: at for key, at in self._waiting.items() if at > now}
        for runner in list(self._runners.values()):
            cut_console(runner.paths.console)
            if runner.came_up:
                self._ends.met(runner.group)
            runner.look()
            self._check_memory(runner)
            if runner.fault and runner.alive():
                logger.error("%s is killed: %s.", _told(runner), runner.fault)
                runner.process.kill()
            if not runner.alive():
                await self._ended(runner)
            else:
                self._rest(runner, now)

    async def noticed(self, bot: Bot) -> None:
        """Draw the conclusions from the end of a bot's runner, before it is buried."""
        process = bot.process
        if isinstance(process, HostedProcess) and not process.runner.alive():
            await self._ended(process.runner)

    async def takes(self, bot: Bot, reason: str) -> bool:
        """Do what follows from an unasked end in a runner; False: it ended as a bot.

        Raises DatabaseError.
        """
        process, key = bot.process, bot.watched.strategy_id
        if not isinstance(process, HostedProcess):
            return False
        if code := process.moves:
            ended = process.place.ended
            words = ended.message if ended is not None else ""
            logger.warning("%s leaves its shared process: %s", bot.watched.name, reason)
            await self._in_thread(moved_out, key, code, words, bot.life.revision)
        elif process.place.ended is not None:
            return False
        await self._in_thread(records.restarting, key, reason)
        return True

    def _check_memory(self, runner: Runner) -> None:
        excess = runner.over(settings.RUNNER_MEMORY_MB)
        if not excess or runner.fault:
            return
        why = TOO_MUCH.format(held=runner.held, most=settings.RUNNER_MEMORY_MB)
        who = heaviest(runner.memory(), excess)
        if who is None:
            runner.fault = why
        else:
            runner.condemn(who, Own.MEMORY, why)

    def _rest(self, runner: Runner, now: float) -> None:
        """End a runner in which nobody has been for a while."""
        if runner.places:
            return
        if not runner.closing and now - runner.idle_since > IDLE_SECONDS:
            logger.info("Shared process %s is empty and ends.", runner.name)
            self._stop(runner)
        elif (
            runner.closing and now - self._stopped.get(runner.name, now) > STOP_SECONDS
        ):
            runner.process.kill()

    def _stop(self, runner: Runner) -> None:
        if not runner.closing:
            runner.closing = True
            self._stopped[runner.name] = time.monotonic()
            runner.process.terminate()

    async def _ended(self, runner: Runner) -> None:
        if self._runners.get(runner.name) is not runner:
            return
        await self._forget(runner)
        inside = [p for p in runner.places.values() if p.inside and not p.dropped]
        why = runner_end(runner)
        if not inside:
            # Nobody was in it, or all were on their way out.
            logger.info("%s ended: %s.", _told(runner), why)
            return
        logger.warning("%s ended: %s.", _told(runner), why)
        now = time.monotonic()
        end = RunnerEnd(
            group=runner.group,
            strategies=[place.load.strategy_id for place in inside],
            met=runner.came_up,
            guilty=runner.guilty,
        )
        after = self._ends.after(end, now)
        for place in inside:
            self._waiting[place.load.strategy_id] = now + after.delay
        if after.moves is not None:
            code = Own.ENDED if after.moves != runner.guilty else Own.HUNG
            runner.condemn(after.moves, code, why)
        if after.lots:
            logger.warning("Its strategies are parted, to find who ends it.")

    async def _forget(self, runner: Runner) -> None:
        await runner.leave()
        if self._runners.get(runner.name) is runner:
            del self._runners[runner.name]
        self._listed.pop(runner.name, None)
        self._stopped.pop(runner.name, None)
        try:
            list_write(self._listed.values())
        except OSError as error:
            # The next supervisor finds no such process.
            logger.error("The list of shared processes cannot be written: %s", error)  # noqa: TRY400

    # -- Ending --------------------------------------------------------------------

    def end_all(self) -> None:
        """Tell every runner to end; its strategies end with it."""
        for runner in self._runners.values():
            self._stop(runner)

    async def close(self) -> None:
        """Wait until all runners have ended, and end those that do not."""
        self.end_all()
        deadline = time.monotonic() + STOP_SECONDS
        while any(runner.process.alive() for runner in self._runners.values()):
            if time.monotonic() > deadline:
                for runner in self._runners.values():
                    runner.process.kill()
            await asyncio.sleep(0.1)
        for runner in list(self._runners.values()):
            await self._forget(runner)


def _told(runner: Runner) -> str:
    return f"Shared process {runner.name} (pid {runner.process.key.pid})"


__all__ = ["HostedLaunch", "Hosting"]
