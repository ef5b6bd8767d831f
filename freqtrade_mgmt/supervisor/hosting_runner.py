"""One runner: its process, who has a place in it, and the talk with it.

What shall be in it and what it says is in it are made equal again and again; it may have
been started by an earlier supervisor, and the connection may break at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.supervisor.hosting_control import (
    Control,
    RunnerRefusedError,
    RunnerSilentError,
)
from freqtrade_mgmt.supervisor.hosting_groups import Bench
from freqtrade_mgmt.supervisor.hosting_memory import held_mb
from freqtrade_mgmt.supervisor.hosting_places import Place
from freqtrade_mgmt.supervisor.hosting_start import RunnerPaths
from freqtrade_mgmt.supervisor.hosting_states import (
    FAILED,
    HUNG,
    Status,
    shares,
    status_read,
    statuses_read,
)

if TYPE_CHECKING:
    from freqtrade_mgmt.supervisor.hosting_groups import Group
    from freqtrade_mgmt.supervisor.hosting_places import Load
    from freqtrade_mgmt.supervisor.processes import BotProcess

logger = logging.getLogger(__name__)

PROTOCOL: Final = 1
AGAIN_SECONDS: Final = 0.3
LIST_SECONDS: Final = 5.0
UNLOAD_SECONDS: Final = 5.0
# From its start to its first answer, and later between two of them.
START_SECONDS: Final = 60.0
SILENT_SECONDS: Final = 30.0
# Who was told to let go of a strategy and has not is ended after so long.
LET_GO_SECONDS: Final = 5.0
MEASURE_SECONDS: Final = 10.0
# What one that leaves has held is free, and measured, after so long.
SPARED_SECONDS: Final = 30.0
# Looked after once a second, unless we were stopped.
PAUSE_SECONDS: Final = 5.0
ALIVE_SECONDS: Final = 0.2
THERE_ALREADY: Final = frozenset({"loaded", "already"})
SILENT: Final = "it did not answer for {seconds:.0f} s"
NOT_HERE: Final = "what is in it may not run here now"
STUCK: Final = "strategy {strategy_id} could not be taken out of it"
GONE: Final = "it has gone from the process that it shared with others"


class Runner:
    """A process that hosts strategies, from its start or adoption to its end."""

    def __init__(
        self,
        name: str,
        group: Group,
        process: BotProcess,
        log_starts: tuple[int, int] = (0, 0),
        *,
        adopted: bool = False,
    ) -> None:
        self.name = name
        self.group = group
        self.process = process
        # The sizes that its logs (console, own) had before.
        self.log_starts = log_starts
        self.places: dict[int, Place] = {}
        # Until all places are given back nobody is taken out for having none.
        self.held_back = adopted
        # Why it has to be ended, or was.
        self.fault = ""
        # The strategy that it has to be ended for, if one is known.
        self.guilty: int | None = None
        # Nobody gets a place any more.
        self.closing = False
        self.held = 0.0
        self._shares: dict[int, float] = {}
        # It has answered, and it has said what is in it.
        self.came_up = False
        self.met = asyncio.Event()
        self.paths = RunnerPaths.of(name)
        self._listed: dict[int, Status] = {}
        self._wake = asyncio.Event()
        self._heard = self._last_look = time.monotonic()
        self._measured = float("-inf")
        self._spared_until = float("-inf")
        self._looked, self._alive = float("-inf"), True
        self.idle_since = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to talk to it."""
        name = f"runner {self.name}"
        self._task = asyncio.create_task(self._talk_for_ever(), name=name)

    async def leave(self) -> None:
        """Stop talking to it; the process is not touched. Raises nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # -- Places ---------------------------------------------------------------

    def take(self, load: Load) -> Place:
        """Give a strategy a place; it is loaded in the background."""
        place = self.places[load.strategy_id] = Place(load)
        self._wake.set()
        return place

    def take_back(self, load: Load) -> Place | None:
        """Return the place of a strategy that an earlier supervisor had loaded.

        None when this start of it is not there any more.
        """
        status = self._listed.get(load.strategy_id)
        if status is None or status.run != load.run or status.ended:
            return None
        place = self.places[load.strategy_id] = Place(load, sent=True, status=status)
        return place

    def settle(self) -> None:
        """From now on whoever has no place is taken out."""
        self.held_back = False
        self._wake.set()

    def drop(self, place: Place) -> None:
        """Have a strategy taken out; in the background."""
        place.dropped = place.dropped or time.monotonic()
        if not place.sent:
            place.gone = True
            self._leave_place(place)
        self._wake.set()

    def kill(self, place: Place) -> None:
        """Have a strategy taken out whatever it costs."""
        self.drop(place)
        if self.closing:
            # It was told to end with all that is in it, and nobody looks after it.
            self.process.kill()
        elif not place.gone and _late(place.asked):
            self._stuck(place.load.strategy_id)

    def oust(self, place: Place, *, at_once: bool) -> None:
        """Have a strategy taken out that may run elsewhere any moment.

        In time, whether the runner answers or not; ``at_once``: so may all that is in it.
        """
        self.drop(place)
        if place.inside and (at_once or _late(place.dropped)):
            stuck = STUCK.format(strategy_id=place.load.strategy_id)
            self._must_end(NOT_HERE if at_once else stuck)
            self.process.kill()

    def alive(self) -> bool:
        """Tell whether the process runs; asked for every strategy, looked at once."""
        now = time.monotonic()
        if self._alive and now - self._looked > ALIVE_SECONDS:
            self._looked, self._alive = now, self.process.alive()
        return self._alive

    def bench(self) -> Bench:
        """Return it as the choice of a runner sees it."""
        return Bench(
            name=self.name,
            group=self.group,
            seats={key: place.load.weight for key, place in self.places.items()},
            held_mb=self.held,
            open=not self.closing and not self.fault and self.alive(),
        )

    def memory(self) -> dict[int, float]:
        """Return what each strategy is reckoned to hold, in MB; a share, not a measure."""
        return self._shares

    # -- Looking after --------------------------------------------------------

    def look(self) -> None:
        """Notice what is wrong with it; to be called once a second."""
        now = time.monotonic()
        pause = now - self._last_look
        self._last_look = now
        if pause > PAUSE_SECONDS:
            # We were stopped ourselves, and have heard nobody.
            self._heard += pause
        if self.places:
            self.idle_since = now
        patience = SILENT_SECONDS if self.came_up else START_SECONDS
        if self._task is not None and now - self._heard > patience:
            self._must_end(SILENT.format(seconds=patience))

    def over(self, memory_mb: int) -> float:
        """Return how much it holds too much, in MB; 0 just after somebody had to leave."""
        if time.monotonic() < self._spared_until:
            return 0.0
        return max(0.0, self.held - memory_mb)

    def condemn(self, strategy_id: int, error: str, message: str) -> None:
        """Have a strategy leave as if the runner had said so."""
        place = self.places.get(strategy_id)
        self._spared_until = time.monotonic() + SPARED_SECONDS
        if place is not None and place.inside:
            place.ended = Status(
                strategy_id, place.load.run, FAILED, error=error, message=message
            )

    def _must_end(self, why: str) -> None:
        self.fault = self.fault or why

    def _stuck(self, strategy_id: int) -> None:
        if not self.fault:
            self.guilty = strategy_id
        self._must_end(STUCK.format(strategy_id=strategy_id))

    # -- Talking ----------------------------------------------------------------

    async def _talk_for_ever(self) -> None:
        while True:
            try:
                await self._talk()
            except RunnerSilentError as error:
                logger.debug("Runner %s: %s", self.name, error)
            except Exception:
                # Strategies' code could answer anything; the next talk begins anew.
                logger.exception("Runner %s: talking failed.", self.name)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _talk(self) -> None:
        folder, pid = self.paths.folder, self.process.key.pid
        control = await Control.open(folder, pid, self._event)
        try:
            # Whoever answers to this and to nothing else is silent all the same.
            self._check(await control.ask("hello"))
            self.came_up = True
            while not self.fault:
                self._wake.clear()
                await self._sync(control)
                self.met.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LIST_SECONDS):
                        await self._wake.wait()
        finally:
            await control.close()

    def _check(self, hello: dict[str, Any]) -> None:
        if hello.get("name") != self.name or hello.get("protocol") != PROTOCOL:
            self._must_end("it is of another release of BTC Watcher")

    def _event(self, event: dict[str, Any]) -> None:
        status = status_read(event) if event.get("event") == "state" else None
        place = None if status is None else self.places.get(status.strategy_id)
        if status is not None and place is not None:
            place.note(status)

    async def _sync(self, control: Control) -> None:
        """Make what is in it equal to what shall be."""
        listed = statuses_read(await self._ask(control, "list"))
        self._listed = listed
        for key, status in listed.items():
            if key in self.places:
                self.places[key].note(status)
        if not self.held_back:
            await self._equalise(control, listed)
        await self._measure()

    async def _ask(self, control: Control, do: str, **values: Any) -> dict[str, Any]:
        """Ask, and note that it answered: many slow answers in a row are no silence."""
        try:
            found = await control.ask(do, **values)
        except RunnerRefusedError:
            self._heard = time.monotonic()
            raise
        self._heard = time.monotonic()
        return found

    async def _equalise(self, control: Control, listed: dict[int, Status]) -> None:
        for key, status in list(listed.items()):
            place = self.places.get(key)
            if place is None or place.load.run != status.run or place.dropped:
                await self._unload(control, status)
        for place in list(self.places.values()):
            if place.gone or (place.sent and place.load.strategy_id in listed):
                continue
            if place.dropped:
                self._leave_place(place)
            elif place.sent:
                # Loaded, and not there any more: it is started anew.
                self._leave_place(place)
            else:
                await self._load(control, place)

    async def _load(self, control: Control, place: Place) -> None:
        load = place.load
        place.sent = True
        try:
            await self._ask(
                control,
                "load",
                strategy_id=load.strategy_id,
                config=load.config,
                userdir=load.userdir,
                log=load.log,
                run=load.run,
            )
        except RunnerRefusedError as error:
            if error.code not in THERE_ALREADY:
                place.note(
                    Status(
                        load.strategy_id,
                        load.run,
                        FAILED,
                        error="load",
                        message=error.message,
                    )
                )

    async def _unload(self, control: Control, status: Status) -> None:
        key = status.strategy_id
        place = self.places.get(key)
        if place is not None and place.load.run == status.run and place.asked is None:
            place.asked = time.monotonic()
        try:
            await self._ask(control, "unload", strategy_id=key, seconds=UNLOAD_SECONDS)
        except RunnerRefusedError:
            self._stuck(key)
            return
        except RunnerSilentError:
            if status.state == HUNG:
                self._stuck(key)
            raise
        self._listed.pop(key, None)
        if place is not None and place.load.run == status.run:
            self._leave_place(place)

    def _leave_place(self, place: Place) -> None:
        place.gone = True
        if self.places.get(place.load.strategy_id) is place:
            del self.places[place.load.strategy_id]

    async def _measure(self) -> None:
        if time.monotonic() - self._measured >= MEASURE_SECONDS:
            self._measured = time.monotonic()
            self.held = await asyncio.to_thread(held_mb, self.process.key)
        own = {
            key: place.status.memory_mb if place.status else 0.0
            for key, place in self.places.items()
        }
        self._shares = shares(self.held, own)


def _late(since: float | None) -> bool:
    """Tell whether it has had its time to let go of a strategy."""
    return since is not None and time.monotonic() - since > LET_GO_SECONDS
