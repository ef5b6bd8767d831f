"""The end of all bots, when their supervisor ends in an orderly way."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.plan import STOP_DEADLINE
from strategies.models import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from freqtrade_mgmt.supervisor.bots import Bot
    from freqtrade_mgmt.supervisor.intake import IntakeQueue

logger = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 10.0


async def ended(
    bots: Collection[Bot], in_thread: Callable[..., Awaitable[Any]]
) -> None:
    """Wait until bots that were stopped have ended, killing the late, and record it.

    The processes that some share were told to end before. Raises DatabaseError; by then they have all ended.
    """
    deadline = time.monotonic() + STOP_DEADLINE
    while any(bot.process.alive() for bot in bots):
        if time.monotonic() > deadline:
            for bot in bots:
                bot.process.kill()
        await asyncio.sleep(0.1)
    for bot in bots:
        bot.release()
    for bot in bots:
        await in_thread(
            partial(
                records.buried,
                bot.life.row,
                bot.watched.strategy_id,
                status=Status.STOPPED,
                reason=bot.stop_reason,
            )
        )


async def drained(intake: IntakeQueue) -> None:
    """Wait until the last signals are stored, or it takes too long."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await intake.drain()
    except TimeoutError:
        logger.error(  # noqa: TRY400 - nothing failed but the waiting
            "The last signals were not stored; their candles are fetched again."
        )
