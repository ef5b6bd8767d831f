"""Fan-out: one reader of a bot's two logs, one short queue for everybody who looks."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import orjson

from freqtrade_mgmt.bot_config import BotPaths
from freqtrade_mgmt.log_tail.follow import FileTail
from freqtrade_mgmt.log_tail.lines import Line, LineReader, left_out
from freqtrade_mgmt.log_tail.secrets import BotSecrets
from freqtrade_mgmt.supervisor.records import bot_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

LAST_LINES: Final = 200
LOOK_SECONDS: Final = 0.5
# Ten seconds of a bot that prints without end.
QUEUE_LENGTH: Final = 20


class TailBrokenError(Exception):
    """The reader of the logs ended; the page connects again."""


class Viewer:
    """What one connection has not sent yet."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_LENGTH)
        self._queue.put_nowait(None)

    def put(self, text: str) -> None:
        """Hand over an event; who is too slow gets the newest lines at once instead."""
        if self._queue.full():
            self.begin_again()
        else:
            self._queue.put_nowait(text)

    def begin_again(self) -> None:
        """Forget what waits: ``get`` goes on with everything that is shown now."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def get(self) -> str:
        """Return the next event; the first replaces all that a page shows."""
        text = await self._queue.get()
        if self._tail.broken:
            raise TailBrokenError
        return self._tail.start() if text is None else text


class _Log:
    """One of a bot's two logs."""

    def __init__(self, source: str, folder: Path, path: Path) -> None:
        self.source = source
        self.file = FileTail(folder, path)
        self.reader = LineReader(source)
        self.recent: deque[Line] = deque(maxlen=LAST_LINES)


class Tail:
    """Reads from the first viewer to the last. Events are encoded once for all."""

    def __init__(self, strategy_id: int) -> None:
        """Name the files; nothing is opened before ``run``."""
        paths = BotPaths.of(bot_folder(strategy_id))
        self.secrets = BotSecrets(paths)
        # What it printed goes first: its own log begins later, and goes on.
        self._logs = (
            _Log("console", paths.folder, paths.console),
            _Log("log", paths.folder, paths.log),
        )
        self.viewers: set[Viewer] = set()
        self.ready = asyncio.Event()
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to read."""
        self._task = asyncio.create_task(self._read(), name="log tail")

    async def end(self) -> None:
        """Stop to read, and close the files."""
        self._ending.set()
        if self._task is not None:
            await asyncio.shield(self._task)

    def start(self) -> str:
        """Return the event that replaces everything a page shows."""
        return _event([line for log in self._logs for line in log.recent], start=True)

    @property
    def broken(self) -> bool:
        """Whether reading ended by itself."""
        done = self._task is not None and self._task.done()
        return done and not self._ending.is_set()

    async def _read(self) -> None:
        # Never cancelled: a thread must not go on to read files that were closed.
        try:
            self._remember(await asyncio.to_thread(self._load))
            self.ready.set()
            while not await self._ends_within(LOOK_SECONDS):
                if lines := await asyncio.to_thread(self._look):
                    self._remember(lines)
                    self._broadcast(_event(lines, start=False))
        finally:
            self.ready.set()
            for log in self._logs:
                log.file.close()
            for viewer in self.viewers:
                viewer.begin_again()

    async def _ends_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._ending.wait()
        return False

    def _load(self) -> list[Line]:
        self.secrets.refresh()
        return [
            line
            for log in self._logs
            for line in self._lines(log, log.file.last(LAST_LINES))
        ]

    def _remember(self, lines: list[Line]) -> None:
        for log in self._logs:
            log.recent.extend(line for line in lines if line.source == log.source)

    def _look(self) -> list[Line]:
        self.secrets.refresh()
        found: list[Line] = []
        for log in self._logs:
            read = log.file.look()
            lines = self._lines(log, read.lines)
            if read.left_out:
                lines.insert(0, left_out(log.source, read.left_out))
            found += lines
        return found

    def _lines(self, log: _Log, raw: Iterable[bytes]) -> list[Line]:
        return [log.reader.read(line, self.secrets.redact) for line in raw]

    def _broadcast(self, text: str) -> None:
        for viewer in self.viewers:
            viewer.put(text)


_tails: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Tail]] = (
    WeakKeyDictionary()
)


@contextlib.asynccontextmanager
async def tail_of(
    strategy_id: int, secrets: Iterable[str] = ()
) -> AsyncIterator[Viewer]:
    """Yield a viewer of a bot's logs; ``secrets`` are hidden besides those it knows."""
    tails = _tails.setdefault(asyncio.get_running_loop(), {})
    tail = tails.get(strategy_id)
    if tail is None:
        tail = tails[strategy_id] = Tail(strategy_id)
        tail.secrets.add(secrets)
        tail.begin()
    viewer = Viewer(tail)
    tail.viewers.add(viewer)
    try:
        await tail.ready.wait()
        yield viewer
    finally:
        tail.viewers.discard(viewer)
        if not tail.viewers or tail.broken:
            # Whoever comes now begins anew.
            if tails.get(strategy_id) is tail:
                del tails[strategy_id]
            await tail.end()


def _event(lines: list[Line], *, start: bool) -> str:
    event = {"type": "lines", "start": start, "lines": lines}
    # A Line is a tuple with names, which orjson does not take for one by itself.
    return orjson.dumps({"cursor": None, "event": event}, default=tuple).decode()
