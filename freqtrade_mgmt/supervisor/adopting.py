"""Taking over the bot that an earlier supervisor left behind."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import Error as DatabaseError

from freqtrade_mgmt.bot_config import BotPaths, bot_folder_read
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.bots import Bot, Life

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from freqtrade_mgmt.supervisor.processes import BotProcess

logger = logging.getLogger(__name__)


async def adopt(
    left: records.OpenProcess,
    process: BotProcess,
    in_thread: Callable[..., Awaitable[Any]],
) -> tuple[Bot, Mapping[str, int]] | None:
    """Return the bot of a living process, and its newest candles by pair.

    None when it cannot be taken over: its folder or its strategy cannot be read.
    Raises DatabaseError.
    """
    folder = records.bot_folder(left.strategy_id)
    try:
        identity = bot_folder_read(folder)
        await in_thread(records.restarting, left.strategy_id, "")
        watched, newest = await in_thread(records.watched, left.strategy_id)
    except DatabaseError:
        raise
    except Exception:
        # Whatever is wrong with one bot must not keep the others from being adopted.
        logger.exception("Process %s cannot be adopted.", process.key.pid)
        return None
    life = Life(
        process=process,
        row=left.row,
        paths=BotPaths.of(folder),
        identity=identity,
        revision=str(left.details.get("revision", "")),
        freqtrade_version=str(left.details.get("freqtrade_version", "")),
        proxy=str(left.details.get("proxy_name") or ""),
        bridge=str(left.details.get("bridge") or ""),
        # It analysed candles, so it is waited for while its exchange is away.
        ran=max(newest.values(), default=0) > process.key.create_time * 1000,
    )
    return Bot(watched, life), newest
