"""The sign of life of every bot, as it is recorded for others to see."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from strategies.services import process_seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from freqtrade_mgmt.supervisor.bots import Bot

SECONDS: Final = 15.0


class Heartbeat:
    """Records now and then how far each bot is and what it holds.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: Callable[..., Awaitable[Any]]) -> None:
        self._in_thread = in_thread
        self._last = 0.0

    async def tick(self, bots: Iterable[Bot]) -> None:
        """Record them when it is time; raises DatabaseError."""
        if time.monotonic() - self._last < SECONDS:
            return
        self._last = time.monotonic()
        for bot in list(bots):
            memory = bot.process.rss_mb()
            await self._in_thread(
                partial(process_seen, bot.life.row, status=bot.phase, rss_mb=memory)
            )
