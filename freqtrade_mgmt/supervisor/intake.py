"""Between the collectors and the database: batches, order, patience.

Whatever has arrived while the last batch was being written is the next batch,
so a quiet system answers at once and a candle close becomes a few large
statements. When the database is away, batches wait and collectors wait with
them; nothing is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from btc_watcher.lib.partitions import PartitionError
from signals_app.feed import publish_reload
from signals_app.services import signals_record
from strategies.services import candles_seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from signals_app.candidates import Candidate

logger = logging.getLogger(__name__)

BATCH_ROWS: Final = 5_000
WAITING_BATCHES: Final = 2_000
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
CURSOR_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Candles of one strategy that were looked at, and the marks they had.

    ``newest`` maps pairs to the open time (ms) of their newest candle here.
    """

    strategy_id: int
    newest: dict[str, int]
    candidates: list[Candidate] = field(default_factory=list)


class Taker(Protocol):
    """Whoever takes what a collector saw."""

    async def submit(self, seen: Seen) -> None:
        """Take candles; wait when they cannot be taken now."""


class IntakeQueue:
    """Writes what collectors saw, in their order. ``run`` is its only writer."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Seen] = asyncio.Queue(WAITING_BATCHES)
        # One thread, so one connection and one order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._cursors: dict[int, dict[str, int]] = {}
        self._cursors_written = monotonic()

    async def submit(self, seen: Seen) -> None:
        """Hand over candles; waits while the database does not keep up."""
        await self._queue.put(seen)

    async def run(self) -> None:
        """Write batches until cancelled."""
        while True:
            try:
                async with asyncio.timeout(CURSOR_SECONDS):
                    first = await self._queue.get()
            except TimeoutError:
                await self._write_cursors()
                continue
            batch = self._gather(first)
            await self._record(batch)
            for _ in batch:
                self._queue.task_done()

    async def drain(self) -> None:
        """Wait until everything handed over is written, cursors included."""
        await self._queue.join()
        await self._write_cursors()

    def close(self) -> None:
        """End the writing thread."""
        self._thread.submit(connections.close_all)
        self._thread.shutdown()

    def _gather(self, first: Seen) -> list[Seen]:
        batch = [first]
        rows = len(first.candidates)
        while rows < BATCH_ROWS and not self._queue.empty():
            seen = self._queue.get_nowait()
            batch.append(seen)
            rows += len(seen.candidates)
        return batch

    async def _record(self, batch: Sequence[Seen]) -> None:
        candidates = [candidate for seen in batch for candidate in seen.candidates]
        if candidates:
            await self._patiently(_record, candidates)
        for seen in batch:
            self._cursors.setdefault(seen.strategy_id, {}).update(seen.newest)
        if monotonic() - self._cursors_written > CURSOR_SECONDS:
            await self._write_cursors()

    async def _write_cursors(self) -> None:
        cursors, self._cursors = self._cursors, {}
        self._cursors_written = monotonic()
        for strategy_id, newest in cursors.items():
            await self._patiently(candles_seen, strategy_id, newest)

    async def _patiently(
        self, function: Callable[..., object], *arguments: object
    ) -> None:
        loop = asyncio.get_running_loop()
        for attempt in range(10**9):
            try:
                await loop.run_in_executor(self._thread, function, *arguments)
            except (DatabaseError, PartitionError) as error:
                delay = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                logger.error(  # noqa: TRY400 - the same stack every few seconds
                    "The database did not take signals (%s); trying again in %s s.",
                    type(error).__name__,
                    delay,
                )
                await loop.run_in_executor(self._thread, close_old_connections)
                await asyncio.sleep(delay)
            else:
                if attempt:
                    # A commit whose answer was lost has stored and not shown.
                    await loop.run_in_executor(self._thread, publish_reload)
                return


def _record(candidates: Sequence[Candidate]) -> None:
    """Record candidates; what nobody has foreseen costs one of them, never the batch."""
    try:
        _record_and_tell(candidates)
    except (DatabaseError, PartitionError):
        raise
    except Exception:
        if len(candidates) == 1:
            logger.exception("A signal could not be recorded: %r", candidates[0])
            return
        half = len(candidates) // 2
        _record(candidates[:half])
        _record(candidates[half:])


def _record_and_tell(candidates: Sequence[Candidate]) -> None:
    intake = signals_record(candidates)
    for why in intake.refused:
        logger.error("A signal was refused: %s", why)
    for candidate in candidates:
        for problem in candidate.problems:
            logger.warning(
                "%s %s at %s: %s",
                candidate.strategy_name,
                candidate.pair,
                candidate.timestamp.isoformat(),
                problem,
            )
