"""A task of the event loop that goes on as long as it is wanted, whatever breaks it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

logger = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 1.0


class KeptTask:
    """Runs ``work`` from ``start`` to ``stop``; what breaks it is logged, and it runs anew.

    ``broken`` is called each time that it broke, before it is started again.
    """

    def __init__(
        self,
        work: Callable[[], Coroutine[Any, Any, None]],
        *,
        name: str,
        broken: Callable[[], None] | None = None,
    ) -> None:
        self._work, self._name, self._broken = work, name, broken
        self._task: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether it runs, or will again in a moment."""
        return self._task is not None or self._again is not None

    def start(self) -> None:
        """Start it; in the running event loop."""
        self._again = None
        self._task = asyncio.create_task(self._work(), name=self._name)
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End it, and wait until it has ended."""
        # Taken first: who comes while we wait starts one of their own.
        task, self._task = self._task, None
        again, self._again = self._again, None
        if again is not None:
            again.cancel()
        if task is not None:
            task.cancel()
            # What breaks it while it ends is told by _ended.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("The task %r broke.", self._name, exc_info=error)
        if task is not self._task:
            return
        self._task = None
        # Cancelled by others: the event loop ends.
        if task.cancelled():
            return
        self._again = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self.start)
        if self._broken is not None:
            self._broken()
