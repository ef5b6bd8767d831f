"""The runners of a supervisor: their starts, their adoption, the list of them, their ends."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.adopting import unlisted_end
from freqtrade_mgmt.supervisor.hosting_groups import Group, Weight, new_name
from freqtrade_mgmt.supervisor.hosting_list import Listed, list_read, list_write
from freqtrade_mgmt.supervisor.hosting_places import Load
from freqtrade_mgmt.supervisor.hosting_process import HostedProcess
from freqtrade_mgmt.supervisor.hosting_runner import Runner
from freqtrade_mgmt.supervisor.hosting_start import (
    RunnerPaths,
    run_new,
    runner_folder_write,
    runner_process_start,
)
from freqtrade_mgmt.supervisor.logs import size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from freqtrade_mgmt.supervisor.launch import Launch

logger = logging.getLogger(__name__)

# An empty runner is kept for the next strategy for so long.
IDLE_SECONDS: Final = 30.0
STOP_SECONDS: Final = 8.0
MEET_SECONDS: Final = 10.0


class Fleet:
    """All runners of this node that live, by name, and the file that lists them.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: Callable[..., Awaitable[Any]]) -> None:
        self._in_thread = in_thread
        self.runners: dict[str, Runner] = {}
        self._listed: dict[str, Listed] = {}
        self._stopped: dict[str, float] = {}

    async def start(self, group: Group, launch: Launch) -> Runner:
        """Start a runner; raises NotHereError and OSError where that is not possible."""
        name = new_name(group.exchange, {*self.runners, *self._listed})
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
        runner = self.runners[name] = Runner(name, group, process, starts)
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
        rows = list(rows)
        await self._meet_old()
        pids = {runner.process.key.pid for runner in self.runners.values()}
        await unlisted_end(rows, pids, self._in_thread)
        return [await self._found(row) if row.runner else row for row in rows]

    def settle(self) -> None:
        """Have those taken out whose rows were not given back to anybody."""
        for runner in self.runners.values():
            runner.settle()

    async def _meet_old(self) -> None:
        old = [each for each in list_read() if each.name not in self.runners]
        met = []
        for listed in old:
            process = await asyncio.to_thread(listed.process)
            if process is None:
                continue
            runner = Runner(listed.name, listed.group, process, adopted=True)
            self.runners[listed.name] = runner
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
            await self.forget(runner)
        else:
            logger.info(
                "Shared process %s was adopted (pid %s).",
                runner.name,
                runner.process.key.pid,
            )

    async def _found(self, row: records.OpenProcess) -> records.OpenProcess:
        runner = self.runners.get(row.runner)
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

    # -- Ending --------------------------------------------------------------------

    def rest(self, runner: Runner, now: float) -> None:
        """End a runner in which nobody has been for a while."""
        if runner.places:
            return
        if not runner.closing and now - runner.idle_since > IDLE_SECONDS:
            logger.info("Shared process %s is empty and ends.", runner.name)
            self.stop(runner)
        elif (
            runner.closing and now - self._stopped.get(runner.name, now) > STOP_SECONDS
        ):
            runner.process.kill()

    def stop(self, runner: Runner) -> None:
        """Tell a runner to end, once."""
        if not runner.closing:
            runner.closing = True
            self._stopped[runner.name] = time.monotonic()
            runner.process.terminate()

    async def forget(self, runner: Runner) -> None:
        """Stop looking after a runner that has ended, or is not to be had."""
        await runner.leave()
        if self.runners.get(runner.name) is runner:
            del self.runners[runner.name]
        self._listed.pop(runner.name, None)
        self._stopped.pop(runner.name, None)
        try:
            list_write(self._listed.values())
        except OSError as error:
            # The next supervisor finds no such process.
            logger.error("The list of shared processes cannot be written: %s", error)  # noqa: TRY400

    def end_all(self) -> None:
        """Tell every runner to end; its strategies end with it."""
        for runner in self.runners.values():
            self.stop(runner)

    async def close(self) -> None:
        """Wait until all runners have ended, and end those that do not."""
        self.end_all()
        deadline = time.monotonic() + STOP_SECONDS
        while any(runner.process.alive() for runner in self.runners.values()):
            if time.monotonic() > deadline:
                for runner in self.runners.values():
                    runner.process.kill()
            await asyncio.sleep(0.1)
        for runner in list(self.runners.values()):
            await self.forget(runner)
