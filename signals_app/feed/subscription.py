"""What one page hears: straight away when it keeps up, else through a short queue."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from signals_app.feed.frames import START

if TYPE_CHECKING:
    from btc_watcher.lib.shared_frames import Writer
    from signals_app.feed.frames import Batch

# Events that wait for a page. They are the same objects for all pages.
QUEUE_LENGTH: Final = 8_000


class Subscription:
    """The events of one page, from the moment of subscribing."""

    def __init__(self) -> None:
        self._waiting: deque[Batch] = deque()
        self._length = 0
        self._lagging = False
        self._some = asyncio.Event()
        self._idle = False
        self._writer: Writer | None = None
        self._after = START

    def go_on(self, after: tuple[int, int], writer: Writer | None = None) -> None:
        """Leave out what is not after a position, and use ``writer`` from here on.

        With a writer, what comes while ``get`` waits is written without waking it.
        """
        waiting, self._waiting, self._length = self._waiting, deque(), 0
        self._after, self._writer = after, writer
        for batch in waiting:
            self.put(batch)

    def put(self, batch: Batch) -> None:
        """Hand over events, or note that the page is too slow for them."""
        if self._after != START:
            later = self._after_last(batch)
            if later is None:
                return
            batch = later
        if self._idle and self._writer is not None and self._writer.write(batch.shared):
            return
        self._keep(batch)

    def _after_last(self, batch: Batch) -> Batch | None:
        if batch.frames[0].position == START:
            # Positions may begin anew.
            self._after = START
            return batch
        later = batch.after(self._after)
        if later is batch:
            # And so is everything from here on.
            self._after = START
        return later

    def _keep(self, batch: Batch) -> None:
        self._idle = False
        self._some.set()
        if self._lagging:
            return
        self._waiting.append(batch)
        self._length += len(batch.frames)
        if self._length > QUEUE_LENGTH:
            self.drop()

    def drop(self) -> None:
        """Have ``get`` say that events were lost, and forget what waits."""
        self._idle = False
        self._some.set()
        self._lagging = True
        # Nothing of them will be sent, and each slow page would hold others.
        self._waiting.clear()
        self._length = 0

    async def get(self) -> Batch | None:
        """Return the next events, or None when some were dropped: reload.

        What was returned before must have been sent by then.
        """
        if not self._waiting and not self._lagging:
            self._some.clear()
            self._idle = True
            try:
                await self._some.wait()
            finally:
                self._idle = False
        if self._lagging:
            self._lagging = False
            return None
        batch = self._waiting.popleft()
        self._length -= len(batch.frames)
        return batch
