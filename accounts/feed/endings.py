"""Hears on Redis whose login or token has ended, for every WebSocket of this process.

While Redis is away nothing is heard; connections ask now and then besides.
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
WAIT_SECONDS: Final = 5.0
# The library's own time-out may swallow the cancellation that stops us.
VANISHED_SECONDS: Final = 10.0


class Endings:
    """One subscription while somebody listens."""

    def __init__(self) -> None:
        self._listeners: set[Callable[[int | None], None]] = set()
        self._reader = KeptTask(self._read, name="ended logins")

    @contextlib.asynccontextmanager
    async def heard_by(
        self, listener: Callable[[int | None], None]
    ) -> AsyncIterator[None]:
        """Call ``listener`` with the id of each person a login of whom has ended.

        None stands for anybody: after an interruption some may have been missed.
        """
        self._listeners.add(listener)
        if not self._reader.running:
            self._reader.start()
        try:
            yield
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                await self._reader.stop()

    async def _read(self) -> None:
        while True:
            connection = redis_async_connection()
            try:
                async with connection.pubsub() as subscription:
                    await subscription.subscribe(redis_keys.LOGINS_ENDED)
                    self._tell(None)
                    while True:
                        await self._forward(subscription)
            except (redis.RedisError, OSError, TimeoutError) as error:
                logger.debug("Ended logins are not heard: %s.", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                await connection.aclose()

    async def _forward(self, subscription: Any) -> None:
        async with asyncio.timeout(WAIT_SECONDS + VANISHED_SECONDS):
            message = await subscription.get_message(
                ignore_subscribe_messages=True, timeout=WAIT_SECONDS
            )
        if message is not None and message["data"].isdigit():
            self._tell(int(message["data"]))

    def _tell(self, user_id: int | None) -> None:
        for listener in list(self._listeners):
            listener(user_id)


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Endings] = WeakKeyDictionary()


def endings_of_this_loop() -> Endings:
    """Return what the running event loop hears with: one per web process."""
    loop = asyncio.get_running_loop()
    if loop not in _of_loops:
        _of_loops[loop] = Endings()
    return _of_loops[loop]
