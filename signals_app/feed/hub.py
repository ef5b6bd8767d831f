"""Fan-out: one reader of the stream per web process, one short queue per page.

Every event is read and encoded once, whatever the number of pages, and the same bytes are
written to all of them. A page that does not keep up is told to reload and never slows the
others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import redis

from btc_watcher.lib import redis_keys
from btc_watcher.lib.kept_task import KeptTask
from btc_watcher.lib.redis_client import redis_async_connection
from signals_app.feed.frames import (
    RELOAD_TEXT,
    STALLED_TEXT,
    START,
    batches,
    entry_frame,
    notice,
    position,
)
from signals_app.feed.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from signals_app.feed.frames import Batch, Frame

logger = logging.getLogger(__name__)

READ_COUNT: Final = 500
BLOCK_MS: Final = 5_000
REPLAY_LENGTH: Final = 2_000
RETRY_SECONDS: Final = 1.0
# A server that answers nothing, not even that there is nothing, is gone.
VANISHED_SECONDS: Final = 10.0


class Hub:
    """Reads the stream while somebody listens."""

    def __init__(self) -> None:
        self._redis = redis_async_connection()
        self._subscriptions: set[Subscription] = set()
        self._reader = KeptTask(self._read, name="signals feed", broken=self._unheard)
        self._ready = asyncio.Event()
        self._last: bytes = b"0-0"
        self._behind = False
        self._stalled = False

    @contextlib.asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscription]:
        """Yield a subscription that misses nothing from here on."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        if not self._reader.running:
            self._ready.clear()
            self._reader.start()
        try:
            await self._ready.wait()
            if self._stalled:
                subscription.put(notice(STALLED_TEXT))
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            if not self._subscriptions:
                await self._stop()

    async def replay(self, after: str) -> list[Frame] | None:
        """Return the events after a cursor, or None when they cannot be had.

        The cursor is gone (trimmed, flushed), Redis refuses, or it is away. Raises
        ValueError when it is no cursor.
        """
        try:
            return await self._replay(position(after))
        except redis.ResponseError as error:
            # It is there: the pages that are open hear what comes.
            logger.warning(
                "Redis refuses the events after a cursor (%s).", type(error).__name__
            )
            return None
        except redis.RedisError:
            self._stall()
            return None

    @property
    def lost_text(self) -> str:
        """What a page is told that may have missed something: reload, or wait for it."""
        return STALLED_TEXT if self._stalled else RELOAD_TEXT

    async def _replay(self, wanted: tuple[int, int]) -> list[Frame] | None:
        info = await self._info()
        newest = position(info["last-generated-id"].decode())
        first = info["first-entry"]
        if wanted == newest:
            return []
        if wanted > newest:
            return None  # the stream was flushed since
        if wanted != START and (first is None or wanted < position(first[0].decode())):
            return None  # trimmed, or flushed and filled again
        entries: Any = await self._redis.xrange(
            redis_keys.SIGNALS_STREAM,
            min=f"({wanted[0]}-{wanted[1]}",
            max="+",
            count=REPLAY_LENGTH + 1,
        )
        if len(entries) > REPLAY_LENGTH:
            return None  # loading anew costs less
        return [entry_frame(*entry) for entry in entries]

    async def _info(self) -> dict[str, Any]:
        try:
            info: dict[str, Any] = await self._redis.xinfo_stream(
                redis_keys.SIGNALS_STREAM
            )
        except redis.ResponseError:  # there is no stream yet, or no longer
            return {
                "last-generated-id": b"0-0",
                "first-entry": None,
                "entries-added": 0,
                "length": 0,
            }
        return info

    async def _read(self) -> None:
        known = False
        while True:
            try:
                if not known:
                    known = await self._find_end()
                if self._stalled:
                    await self._resume()
                self._ready.set()
                if not await self._forward():
                    await self._check_flushed()
            except (redis.RedisError, TimeoutError) as error:
                logger.warning(
                    "The live feed waits for Redis (%s).", type(error).__name__
                )
                self._unheard()
                await asyncio.sleep(RETRY_SECONDS)

    def _unheard(self) -> None:
        self._stall()
        # Pages may connect meanwhile: they show what PostgreSQL holds.
        self._ready.set()

    def _stall(self) -> None:
        if not self._stalled:
            self._stalled = True
            self._broadcast(notice(STALLED_TEXT))

    async def _resume(self) -> None:
        # Pages came, or were told to wait, while Redis was away: they may lack some.
        await self._info()
        self._stalled = False
        self._broadcast(notice(RELOAD_TEXT))

    async def _find_end(self) -> bool:
        info = await self._info()
        self._last = info["last-generated-id"]
        return True

    async def _forward(self) -> bool:
        # The library's own time-out may swallow the cancellation that stops us.
        async with asyncio.timeout(BLOCK_MS / 1000 + VANISHED_SECONDS):
            reply: Any = await self._redis.xread(
                {redis_keys.SIGNALS_STREAM: self._last},
                count=READ_COUNT,
                block=BLOCK_MS,
            )
        for _, entries in reply:
            full = len(entries) == READ_COUNT
            # What was not read with a full reply may have gone while that was handed out.
            if full or self._behind:
                await self._check_trimmed()
            self._behind = full
            self._last = entries[-1][0]
            for batch in batches(entry_frame(*entry) for entry in entries):
                self._broadcast(batch)
                # Others have something to do as well.
                await asyncio.sleep(0)
        return bool(reply)

    async def _check_trimmed(self) -> None:
        """Have pages load anew when the stream was shortened faster than it is read."""
        info = await self._info()
        if self._last == b"0-0":
            lost = info["entries-added"] > info["length"]
        else:
            first = info["first-entry"]
            last = position(self._last.decode())
            lost = first is not None and position(first[0].decode()) > last
        if lost:
            self._broadcast(notice(RELOAD_TEXT))

    async def _check_flushed(self) -> None:
        info = await self._info()
        if position(self._last.decode()) <= position(
            info["last-generated-id"].decode()
        ):
            return
        # Someone flushed Redis: ids start again, and events may be lost.
        self._last = b"0-0"
        self._broadcast(notice(RELOAD_TEXT))

    def _broadcast(self, batch: Batch) -> None:
        for subscription in self._subscriptions:
            try:
                subscription.put(batch)
            except Exception:
                # It concerns this page alone. The others go on hearing.
                logger.exception("A live page could not be told.")
                subscription.drop()

    async def _stop(self) -> None:
        await self._reader.stop()
        if not self._subscriptions:
            await self._redis.aclose()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub_of_this_loop() -> Hub:
    """Return the hub of the running event loop: one per web process."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
