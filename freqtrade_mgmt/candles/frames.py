"""One bot's frame of candles: from Redis, or from the bot, asked once for everybody."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.bot_config import bot_folder_read
from freqtrade_mgmt.cache.candles import (
    FrameKey,
    KeptFrame,
    frame_load,
    frame_load_last,
    frame_lock,
    frame_store,
    frame_unlock,
)
from freqtrade_mgmt.candles.lifetime import lifetime_ms
from freqtrade_mgmt.leases.reach import reach_of
from freqtrade_mgmt.supervisor.client import BotClient, BotUnreachableError
from freqtrade_mgmt.supervisor.frames import FrameError
from freqtrade_mgmt.supervisor.records import bot_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from freqtrade_mgmt.bot_config import BotIdentity

# All that a bot has: about a thousand, more with a long start-up period.
ASKED: Final = 5_000
# A bot on loopback answers in milliseconds; one that hangs must not hold a page up.
PATIENCE_SECONDS: Final = 5.0
LOOK_AGAIN_SECONDS: Final = 0.05
Answer = TypeVar("Answer")
VALUES: Final = ("open", "high", "low", "close", "volume")

_running: WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[FrameKey, asyncio.Task[KeptFrame]]
] = WeakKeyDictionary()


async def frame_read(key: FrameKey) -> KeptFrame:
    """Return a frame that is good now; BotUnreachableError when nobody gives one.

    However many ask at once, in however many processes, the bot is asked once.
    """
    if (kept := await asyncio.to_thread(frame_load, key)) is not None:
        return kept
    running = _running.setdefault(asyncio.get_running_loop(), {})
    task = running.get(key)
    if task is None:
        task = running[key] = asyncio.create_task(_read_locked(key))
        task.add_done_callback(lambda _done: running.pop(key, None))
    # Shielded: a browser that leaves must not take the answer from the others.
    return await asyncio.shield(task)


async def frame_last(key: FrameKey) -> KeptFrame | None:
    """Return the last frame that was read, for a bot that does not answer."""
    return await asyncio.to_thread(frame_load_last, key)


async def _read_locked(key: FrameKey) -> KeptFrame:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (token := await asyncio.to_thread(frame_lock, key)) is None:
        # Another process asks: its answer will be in Redis.
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        if (kept := await asyncio.to_thread(frame_load, key)) is not None:
            return kept
        if time.monotonic() > deadline:
            raise BotUnreachableError("pair_candles: somebody else's request hangs")
    try:
        # It may have come between our look and our lock.
        if (kept := await asyncio.to_thread(frame_load, key)) is not None:
            return kept
        frame = await _ask(key)
        newest = int(frame.rows[-1][0]) if frame.rows else None
        lifetime = lifetime_ms(key.timeframe, newest, frame.read_ms)
        if frame.rows:
            await asyncio.to_thread(frame_store, key, frame, lifetime)
        return frame
    finally:
        await asyncio.to_thread(frame_unlock, key, token)


async def _ask(key: FrameKey) -> KeptFrame:
    async def candles(client: BotClient) -> list[list[Any]]:
        return await rows_ask(client, key.pair, key.timeframe, ASKED)

    rows = await bot_ask(key.strategy_id, candles)
    return KeptFrame(rows, int(time.time() * 1000))


async def bot_ask(
    strategy_id: int,
    question: Callable[[BotClient], Awaitable[Answer]],
    *,
    patience: float | None = None,
) -> Answer:
    """Put a question to a strategy's bot: here, or where another node runs it.

    Raises BotUnreachableError when it does not answer within ``patience`` seconds.
    """
    seconds = PATIENCE_SECONDS if patience is None else patience
    try:
        identity = await asyncio.to_thread(bot_folder_read, bot_folder(strategy_id))
        return await _ask_bot(identity, question, seconds)
    except (ConfigurationError, BotUnreachableError) as error:
        elsewhere = await database_sync_to_async(reach_of)(strategy_id)
        if elsewhere is not None:
            return await _ask_bot(elsewhere, question, seconds)
        if isinstance(error, BotUnreachableError):
            raise
        raise BotUnreachableError("the bot has no configuration") from None


async def rows_ask(
    client: BotClient, pair: str, timeframe: str, limit: int
) -> list[list[Any]]:
    """Return rows of (open ms, open, high, low, close, volume), without what has no price."""
    frame = await client.candles(pair, timeframe, limit)
    rows = [_values(candle.open_ms, candle.row) for candle in frame.candles]
    return [row for row in rows if row is not None]


async def _ask_bot(
    identity: BotIdentity,
    question: Callable[[BotClient], Awaitable[Answer]],
    seconds: float,
) -> Answer:
    try:
        async with (
            asyncio.timeout(seconds),
            BotClient(identity.port, identity.credentials, identity.host) as client,
        ):
            # A port that answers proves nothing: the bot says who it is.
            if (await client.show_config()).get("bot_name") != identity.bot_name:
                raise BotUnreachableError("another bot answers on its port")
            return await question(client)
    except TimeoutError:
        raise BotUnreachableError("pair_candles: TimeoutError") from None
    except FrameError as error:
        raise BotUnreachableError(str(error)) from None


def _values(open_ms: int, row: Mapping[str, Any]) -> list[Any] | None:
    """Return one row, None when the candle has no price."""
    values = [row.get(name) for name in VALUES]
    if values[-1] is None:
        values[-1] = 0.0
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        return None
    return [open_ms, *values]
