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
# Signals that fail alone, with none stored before: then it is not the signals' fault.
HOPELESS: Final = 8
# Some 45 seconds; what still fails then waits for the next start of the supervisor.
UNFORESEEN_TRIES: Final = 12


class NothingStoredError(Exception):
    """No signal of a batch could be stored, for a reason that nobody has foreseen."""


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
        # Strategies whose candles must be fetched again: their cursors stay behind.
        self._held: set[int] = set()
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
        if candidates and not await self._store(candidates):
            self._held.update(seen.strategy_id for seen in batch)
        for seen in batch:
            if seen.strategy_id in self._held:
                continue
            self._cursors.setdefault(seen.strategy_id, {}).update(seen.newest)
        if monotonic() - self._cursors_written > CURSOR_SECONDS:
            await self._write_cursors()

    async def _store(self, candidates: Sequence[Candidate]) -> bool:
        """Store signals; False when all of them fail, however often it is tried."""
        for attempt in range(UNFORESEEN_TRIES):
            try:
                await self._patiently(_record, candidates)
            except NothingStoredError as error:
                logger.error(  # noqa: TRY400 - the cause was logged where it is known
                    "No signal of %d could be stored (%s); trying again.",
                    len(candidates),
                    error,
                )
                delay = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                await asyncio.sleep(delay)
            else:
                return True
        logger.error(
            "None of %d signals could be stored. Their candles are fetched again when"
            " the supervisor is started the next time.",
            len(candidates),
        )
        return False

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
    """Record candidates; what nobody has foreseen costs one of them, never the batch.

    Where it would cost all of them, the signals are not at fault: NothingStoredError.
    """
    done = _Done()
    _record_by_halves(candidates, done)
    if done.lost and not done.stored:
        raise NothingStoredError("all of them failed")
    for candidate in done.lost:
        # The fault may have ended in the middle of the batch.
        try:
            _record_and_tell([candidate])
        except (DatabaseError, PartitionError):
            raise
        except Exception:
            logger.exception("A signal could not be recorded: %r", candidate)


@dataclass(slots=True)
class _Done:
    """How many candidates of a batch were stored, and which failed alone."""

    stored: int = 0
    lost: list[Candidate] = field(default_factory=list)


def _record_by_halves(candidates: Sequence[Candidate], done: _Done) -> None:
    try:
        _record_and_tell(candidates)
    except (DatabaseError, PartitionError):
        raise
    except Exception as error:
        if len(candidates) == 1:
            if not done.lost:
                logger.exception("A signal could not be recorded at once.")
            done.lost.append(candidates[0])
            if len(done.lost) >= HOPELESS and not done.stored:
                raise NothingStoredError(type(error).__name__) from error
            return
        half = len(candidates) // 2
        _record_by_halves(candidates[:half], done)
        _record_by_halves(candidates[half:], done)
    else:
        done.stored += len(candidates)


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
