"""The hub's ends of its worker processes: what they shall do, in which order."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.runner.wire import packed

if TYPE_CHECKING:
    import asyncio

    from freqtrade_mgmt.runner.hosted import FrameKey, Hosted

# One that is done, and one that waits in the socket, so that a worker never idles.
_IN_FLIGHT: Final = 2
# Gets what the worker says of a task, and the parts of its answer.
Then = Callable[[dict[str, Any], list[bytes]], None]
_numbers: Final = itertools.count(1)


@dataclass(order=True, slots=True)
class Task:
    """One thing for a worker; the most urgent first, then the oldest."""

    urgency: float
    number: int = field(default_factory=lambda: next(_numbers), init=False)
    do: str = field(compare=False)
    hosted: Hosted = field(compare=False)
    # Seconds after which the worker is taken to hang.
    limit: float = field(compare=False)
    then: Then = field(compare=False)
    values: dict[str, Any] = field(compare=False, default_factory=dict)
    body: bytes = field(compare=False, default=b"")
    parts: list[bytes] = field(compare=False, default_factory=list)


class Member:
    """One process that answers the hub."""

    def __init__(self, name: str, pid: int, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self.pid = pid
        self.has: dict[FrameKey, int] = {}
        self.hosted: set[Hosted] = set()
        self.closing = False
        self.since = 0.0
        # What it held when the watchdog first saw the task that it does now.
        self.watched: tuple[int, float] = (0, 0.0)
        self._writer = writer
        self._tasks: list[Task] = []
        self._asks: deque[Task] = deque()
        self._loads: deque[Task] = deque()
        # Until then analyses go before loads (time.monotonic).
        self._loads_after = 0.0
        self._flying: deque[Task] = deque()
        self._asked_last = False

    @property
    def current(self) -> Task | None:
        """What it does now."""
        return self._flying[0] if self._flying else None

    @property
    def waiting(self) -> int:
        """How much it has to do."""
        return len(self.unanswered())

    def put(self, task: Task) -> None:
        """Give it something to do."""
        heapq.heappush(self._tasks, task)
        self._pump()

    def ask(self, task: Task) -> None:
        """Ask it something; analyses and questions take turns."""
        self._asks.append(task)
        self._pump()

    def load(self, task: Task) -> None:
        """Have it load a strategy; after each load analyses go first for as long."""
        self._loads.append(task)
        self._pump()

    def withdraw(self, task: Task) -> None:
        """Do not ask what nobody waits for any more, if it was not sent yet."""
        with contextlib.suppress(ValueError):
            self._asks.remove(task)

    def speaker(self, stand: int) -> Hosted | None:
        """Return the strategy that it speaks for; None once that was let go."""
        return next((one for one in self.hosted if one.stand == stand), None)

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send what needs no answer, before everything that is put later."""
        if not self.closing:
            self._writer.write(packed(head, body))

    def part(self, number: int, body: bytes) -> None:
        """Keep a part of the answer to a task."""
        for task in self._flying:
            if task.number == number:
                task.parts.append(body)

    def finished(self, number: int, *, spoiled: bool = False) -> Task | None:
        """Return the task that is done, and go on with the next, unless it was spoiled."""
        self.closing = self.closing or spoiled
        done = None
        if self._flying and self._flying[0].number == number:
            done = self._flying.popleft()
            before, self.since = self.since, time.monotonic()
            if done.do == "load":
                self._loads_after = 2 * self.since - before
        self._pump()
        return done

    def drop(self, hosted: Hosted) -> None:
        """Forget what was to be done for a strategy."""
        self.hosted.discard(hosted)
        self._tasks = [task for task in self._tasks if task.hosted is not hosted]
        heapq.heapify(self._tasks)
        self._asks = deque(task for task in self._asks if task.hosted is not hosted)
        self._loads = deque(task for task in self._loads if task.hosted is not hosted)

    def unanswered(self) -> list[Task]:
        """Return everything that it will not answer any more."""
        return [*self._flying, *self._asks, *self._loads, *self._tasks]

    def close(self) -> None:
        """Give it nothing more."""
        self.closing = True
        self._writer.close()

    def _pump(self) -> None:
        while not self.closing and len(self._flying) < _IN_FLIGHT:
            if self._flying and self._flying[-1].do == "load":
                # It may leave a process in which nobody else is to be analysed.
                return
            task = self._next()
            if task is None:
                return
            if not self._flying:
                self.since = time.monotonic()
            self._flying.append(task)
            head = {"do": task.do, "task": task.number, "stand": task.hosted.stand}
            about = {"strategy_id": task.hosted.id, **task.values}
            self.send({**head, **about}, task.body)

    def _next(self) -> Task | None:
        load = self._load_is_next()
        if self._asks and not (self._asked_last and (load or self._tasks)):
            self._asked_last = True
            return self._asks.popleft()
        self._asked_last = False
        if load:
            return self._loads.popleft()
        return heapq.heappop(self._tasks) if self._tasks else None

    def _load_is_next(self) -> bool:
        if not self._loads or any(task.do == "load" for task in self._flying):
            return False
        if not self._tasks:
            return True
        # What has no urgency of a strategy is short.
        return self._tasks[0].urgency >= 0 and time.monotonic() >= self._loads_after
