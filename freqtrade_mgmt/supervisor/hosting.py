"""The runners of this node: processes that host many strategies each."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from freqtrade_mgmt.bot_config import SIMULATED
from freqtrade_mgmt.here import NotHereError
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.hosting_ends import WITHOUT_SECONDS, Ends, RunnerEnd
from freqtrade_mgmt.supervisor.hosting_fleet import Fleet
from freqtrade_mgmt.supervisor.hosting_groups import (
    EMPTY_MB,
    Group,
    Own,
    Room,
    Weight,
    heaviest,
    seat,
)
from freqtrade_mgmt.supervisor.hosting_launch import HostedLaunch
from freqtrade_mgmt.supervisor.hosting_process import HostedProcess, runner_end
from freqtrade_mgmt.supervisor.hosting_records import (
    hosting_fails,
    hosting_works,
    moved_out,
)
from freqtrade_mgmt.supervisor.hosting_silence import Silence, Silent
from freqtrade_mgmt.supervisor.hosting_without import (
    RoomLaterError,
    TurnLaterError,
    Without,
)
from freqtrade_mgmt.supervisor.limits import BOT_MB
from freqtrade_mgmt.supervisor.logs import cut_console
from freqtrade_mgmt.supervisor.plan import Cause
from freqtrade_mgmt.supervisor.routing import ANOTHER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from freqtrade_mgmt.supervisor.bots import Bot
    from freqtrade_mgmt.supervisor.hosting_runner import Runner
    from freqtrade_mgmt.supervisor.launch import Launch

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

# Until who would need another runner asks again, while one is on its way.
LATER_SECONDS: Final = 3.0
# Until who found no room asks again, while bots take more of it than their places would.
ROOM_SECONDS: Final = 30.0
KEPT_SECONDS: Final = 3600.0
TOO_MUCH: Final = "it held {held:.0f} MB of memory and may hold {most} MB"


class Hosting:
    """Starts, watches and ends runners, and gives strategies places in them.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._fleet = Fleet(in_thread)
        self._ends = Ends()
        self._waiting: dict[int, float] = {}
        self._without = Without(self._ends)
        self._silence = Silence()
        # Why a group has to do without runners, until people were told.
        self._trouble: tuple[str, str] | None = None
        # Whether people know of one, as far as we know.
        self._told: bool | None = None
        # Those whose coming up was noticed, and when that was looked for last: who asks
        # in one tick is told the same, so that one part of a group stays together.
        self._up: set[Runner] = set()
        self._looked = time.monotonic()

    # -- What the plan has to know ---------------------------------------------

    @property
    def waiting(self) -> Mapping[int, float]:
        """Before which moment (monotonic) each strategy is not started again."""
        return self._waiting

    def sharing(self, hosted: frozenset[int]) -> frozenset[int]:
        """Return those that can share, of the strategies that may."""
        return self._without.sharing(hosted, time.monotonic())

    def back(self, hosted: frozenset[int], bots: Mapping[int, Bot]) -> dict[int, str]:
        """Return the revisions of bots that are replaced by places in runners.

        They are bots because runners did not work; ``hosted`` are those that may share.
        """
        runners = self._fleet.runners.values()
        key = self._without.back(hosted, bots, runners, time.monotonic())
        return {} if key is None else {key: ANOTHER}

    def held_mb(self) -> list[float]:
        """Return what each runner holds, in MB; one that is new counts by its start."""
        return [runner.held for runner in self._fleet.runners.values()]

    # -- Starting ---------------------------------------------------------------

    def postpone(self, strategy_id: int) -> None:
        """Try a strategy again when there may be room."""
        self._waiting[strategy_id] = time.monotonic() + ROOM_SECONDS

    async def board(
        self, launch: Launch, check_memory: Callable[[float], None]
    ) -> Launch | HostedLaunch:
        """Return how a strategy that may share a process starts.

        ``check_memory`` raises NotHereError where so many MB have no room. So does this
        where a runner cannot be started, and OSError. TurnLaterError: not in this tick;
        RoomLaterError: not as long as bots stand in for runners.
        """
        key, spec, now = launch.job.spec.strategy_id, launch.job.spec, time.monotonic()
        simulator = settings.SIMULATOR_URL if spec.exchange == SIMULATED else ""
        group = Group.of(launch.job.python, spec, simulator)
        group = replace(group, lot=self._ends.lot(key, now))
        gave = self._without.gave(key)
        self._without.belongs(key, group)
        if not self._ends.works(group, now):
            self._without.check_bot(key)
            self._check_room(key, BOT_MB, check_memory, waits=True)
            return self._bot_instead(launch)
        weight = Weight.of(len(spec.pairs))
        room = Room(settings.RUNNER_MEMORY_MB, settings.RUNNER_ANALYSES)
        benches = [runner.bench() for runner in self._fleet.runners.values()]
        name = seat(key, group, weight, benches, room)
        if name is None:
            self._check_turn(key, group, now)
        needs = EMPTY_MB if name is None else weight.memory_mb
        self._check_room(key, needs, check_memory, waits=not self._without.is_over)
        try:
            runner = (
                self._fleet.runners[name]
                if name is not None
                else await self._fleet.start(group, launch)
            )
        except (NotHereError, OSError) as error:
            if not gave:
                raise
            logger.error("%s gets a bot again: %s", launch.job.watched.name, error)  # noqa: TRY400
            return self._bot_instead(launch)
        self._without.takes_place(key)
        return HostedLaunch(launch, runner, weight)

    def _bot_instead(self, launch: Launch) -> Launch:
        self._without.takes_bot(launch.job.spec.strategy_id)
        return replace(launch, own=Own.BROKEN)

    def _check_room(
        self,
        key: int,
        needs: float,
        check_memory: Callable[[float], None],
        *,
        waits: bool,
    ) -> None:
        """Raise NotHereError where so many MB have no room, or RoomLaterError: ``waits``.

        Whoever gave its bot up has left room, be it a little less than a new runner
        needs: the others, which follow, leave theirs as well.
        """
        if self._without.gave(key):
            return
        try:
            check_memory(needs)
        except NotHereError as error:
            if not waits:
                raise
            raise RoomLaterError(str(error)) from error

    def _check_turn(self, key: int, group: Group, now: float) -> None:
        """Raise TurnLaterError while no other runner of the group may be started.

        Whether they start at all is tried with one.
        """
        coming = any(
            runner.group.whole == group.whole and runner not in self._up
            for runner in self._fleet.runners.values()
        )
        if coming or self._ends.paused(group, now):
            self._waiting[key] = self._looked + LATER_SECONDS
            raise TurnLaterError

    # -- Adopting -----------------------------------------------------------------

    async def adopt(
        self, rows: Iterable[records.OpenProcess]
    ) -> list[records.OpenProcess]:
        """Return the rows with what lives of those that shared a process.

        What is in runners stays there until ``settle``. Raises DatabaseError.
        """
        found = await self._fleet.adopt(rows)
        for row in found:
            if isinstance(row.process, HostedProcess):
                group = row.process.runner.group
                self._without.belongs(row.strategy_id, group)
            elif row.details.get("own") == Own.BROKEN:
                self._without.keeps_bot(row.strategy_id)
        return found

    def settle(self) -> None:
        """Have those taken out whose rows were not given back to anybody."""
        self._fleet.settle()

    # -- Looking after ---------------------------------------------------------------

    async def look(self) -> None:
        """Do what has to be done about runners; nothing here asks the database."""
        now = self._looked = time.monotonic()
        # Whoever waited longest goes first, so it counts for a while after.
        self._waiting = {
            key: at for key, at in self._waiting.items() if now - at < KEPT_SECONDS
        }
        for runner in list(self._fleet.runners.values()):
            cut_console(runner.paths.console)
            if runner.came_up and runner not in self._up:
                self._up.add(runner)
                self._ends.met(runner.group)
            runner.look()
            self._let_lot_go(runner, now)
            self._check_memory(runner)
            if runner.fault and runner.alive():
                logger.error("%s is killed: %s.", _told(runner), runner.fault)
                runner.process.kill()
            if not runner.alive():
                await self._ended(runner)
            else:
                self._fleet.rest(runner, now)

    async def noticed(self, bot: Bot) -> None:
        """Draw the conclusions from the end of a bot's runner, before it is buried."""
        process = bot.process
        if isinstance(process, HostedProcess) and not process.runner.alive():
            await self._ended(process.runner)

    async def takes(
        self, bot: Bot, cause: Cause, reason: str, bots: Iterable[Bot]
    ) -> Cause | None:
        """Do what follows from an unasked end in a runner; ``bots`` are the others.

        Returns why it ended, where more has to follow, as from the end of a bot. None:
        that was all. Raises DatabaseError.
        """
        process, key = bot.process, bot.watched.strategy_id
        if not isinstance(process, HostedProcess):
            return cause
        ended = process.place.ended
        code, words = process.moves, ended.message if ended is not None else ""
        if not code and ended is not None:
            return cause
        if not code and process.runner.alive():
            code, words = Own.SILENT, reason
            well = any(_shows_life(other, bot) for other in bots)
            match self._silence.after(key, time.monotonic(), others_well=well):
                case Silent.SHARED:
                    return Cause.EXCHANGE
                case Silent.AGAIN:
                    return cause
        if code:
            logger.warning("%s leaves its shared process: %s", bot.watched.name, reason)
            await self._in_thread(moved_out, key, code, words, bot.life.revision)
        await self._in_thread(records.restarting, key, reason)
        return None

    async def tell(self) -> None:
        """Tell people when a group has to do without runners, and when that is over.

        Raises DatabaseError: then it is told at the next call.
        """
        if self._trouble is not None:
            await self._in_thread(hosting_fails, *self._trouble)
            self._trouble, self._told = None, True
        well = self._ends.all_work(time.monotonic()) and self._without.is_over
        if well and self._told is not False:
            await self._in_thread(hosting_works)
            self._told = False

    def _let_lot_go(self, runner: Runner, now: float) -> None:
        """Open a runner for all of its group again, when nothing ended for long."""
        if runner.group.lot and not any(
            self._ends.lot(key, now) for key in runner.places
        ):
            runner.group = runner.group.whole

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

    async def _ended(self, runner: Runner) -> None:
        if self._fleet.runners.get(runner.name) is not runner:
            return
        await self._fleet.forget(runner)
        self._up.discard(runner)
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
        if after.without:
            logger.error(
                "Strategies on %s do without shared processes for %d minutes.",
                runner.group.exchange,
                WITHOUT_SECONDS / 60,
            )
            self._trouble = (runner.group.exchange, why)

    # -- Ending --------------------------------------------------------------------

    def end_all(self) -> None:
        """Tell every runner to end; its strategies end with it."""
        self._fleet.end_all()

    async def close(self) -> None:
        """Wait until all runners have ended, and end those that do not."""
        await self._fleet.close()


def _shows_life(other: Bot, bot: Bot) -> bool:
    """Tell whether another strategy of the same runner is well, as lately as this asks."""
    return (
        isinstance(other.process, HostedProcess)
        and isinstance(bot.process, HostedProcess)
        and other.process.runner is bot.process.runner
        and other.proven
        and other.watched.candle_ms <= bot.watched.candle_ms
    )


def _told(runner: Runner) -> str:
    return f"Shared process {runner.name} (pid {runner.process.key.pid})"


__all__ = ["HostedLaunch", "Hosting"]
