"""Taking over the bot that an earlier supervisor left behind."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.db import Error as DatabaseError

from freqtrade_mgmt.bot_config import BotPaths, bot_folder_read
from freqtrade_mgmt.leases.picture import DUTIES
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.bots import Bot, Life
from freqtrade_mgmt.supervisor.identity import ProcessKey
from freqtrade_mgmt.supervisor.plan import end_in_words
from freqtrade_mgmt.supervisor.processes import BotProcess
from strategies.models import Status
from strategies.selectors import processes_open

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from freqtrade_mgmt.supervisor.hosting import Hosting
    from freqtrade_mgmt.supervisor.leasing import Leases
    from freqtrade_mgmt.supervisor.processes import AnyProcess

logger = logging.getLogger(__name__)

KILLED_SECONDS: Final = 5.0


async def adopt_all(
    bots: Mapping[int, Bot],
    leases: Leases,
    in_thread: Callable[..., Awaitable[Any]],
    take_over: Callable[[records.OpenProcess, AnyProcess], Awaitable[None]],
    hosting: Hosting,
) -> None:
    """Take over what an earlier supervisor of this node left, and end what cannot be.

    ``take_over`` puts a bot into ``bots``, if it can. Raises DatabaseError.
    """
    found = await hosting.adopt(await in_thread(records.open_processes, leases.name))
    await leases.take({left.strategy_id for left in found} - {DUTIES})
    for left in found:
        known = bots.get(left.strategy_id)
        if known is not None and known.life.row == left.row:
            continue  # adopted before the database went away
        ours = left.strategy_id in leases.mine
        if ours and left.process is not None and known is None:
            await take_over(left, left.process)
        adopted = bots.get(left.strategy_id)
        if adopted is not None and adopted.life.row == left.row:
            continue
        if left.process is not None:
            # A second one of a strategy, one that cannot be talked to, or one that
            # another node runs by now.
            left.process.kill()
        bury = partial(
            records.buried,
            left.row,
            left.strategy_id if ours else 0,
            status=Status.STOPPED,
            reason=end_in_words(None, ""),
        )
        await in_thread(bury)
    hosting.settle()
    wishes = (await in_thread(records.wishes)).only(leases.mine)
    await in_thread(partial(records.none_runs, wishes.up.keys() - bots.keys()))


async def adopt(
    left: records.OpenProcess,
    process: AnyProcess,
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


async def unlisted_end(
    rows: Iterable[records.OpenProcess],
    known: Collection[int],
    in_thread: Callable[..., Awaitable[Any]],
) -> None:
    """End the shared processes that rows name and the list of them does not.

    ``known`` are the pids of those that are looked after. Who lost the list, or cannot
    read it, would start their strategies a second time. Raises DatabaseError.
    """
    numbers = [row.row for row in rows if row.runner]
    keys = set(await in_thread(_keys_of, numbers)) if numbers else set()
    left = [
        process
        for key in keys
        if key.pid not in known and (process := BotProcess.adopt(key)) is not None
    ]
    for process in left:
        logger.warning(
            "The shared process with pid %s is on no list and is ended.",
            process.key.pid,
        )
    deadline = time.monotonic() + KILLED_SECONDS
    # The next one has its name and its folder.
    while any(each.alive() for each in left) and time.monotonic() < deadline:
        for each in left:
            each.kill()
        await asyncio.sleep(0.05)


def _keys_of(rows: Collection[int]) -> list[ProcessKey]:
    """Return the processes that rows name for certain."""
    found = processes_open().filter(pk__in=rows)
    return [
        ProcessKey(pid, float(usage["create_time"]), str(usage.get("origin") or ""))
        for pid, usage in found.values_list("pid", "resource_usage")
        if pid is not None and usage.get("create_time") is not None
    ]
