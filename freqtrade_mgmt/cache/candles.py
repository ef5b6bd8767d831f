"""Frames of candles in Redis. Without Redis nothing is kept and nothing breaks."""

from __future__ import annotations

import logging
import secrets
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from btc_watcher.lib import redis_keys
from btc_watcher.lib.redis_client import RedisError, redis_connection

logger = logging.getLogger(__name__)
QUICK = 1
# Gives the lock back only to who holds it: another may have it after a time-out.
UNLOCK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class FrameKey(NamedTuple):
    """Whose candles: the bot of a strategy, a pair, the bot's own timeframe."""

    strategy_id: int
    pair: str
    timeframe: str


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """Rows of (open ms, open, high, low, close, volume), and when they were read."""

    rows: list[list[Any]]
    read_ms: int


def frame_load(key: FrameKey) -> KeptFrame | None:
    """Return the frame that is still good, None when the bot must be asked."""
    return _load(redis_keys.candles(*key))


def frame_load_last(key: FrameKey) -> KeptFrame | None:
    """Return the last frame that was read at all, None after a day."""
    return _load(redis_keys.candles_last(*key))


def frame_store(key: FrameKey, frame: KeptFrame, lifetime_ms: int) -> None:
    """Keep a frame for as long as it is good, and for when the bot is gone."""
    packed = zlib.compress(orjson.dumps([frame.read_ms, frame.rows]), QUICK)
    try:
        pipe = redis_connection().pipeline(transaction=False)
        pipe.set(redis_keys.candles(*key), packed, px=lifetime_ms)
        pipe.set(redis_keys.candles_last(*key), packed, ex=redis_keys.CANDLES_LAST_TTL)
        pipe.execute()
    except RedisError as error:
        logger.debug("Candles were not kept (%s).", type(error).__name__)


def frame_lock(key: FrameKey) -> str | None:
    """Return a token when we are the one to ask the bot, None when another does.

    Without Redis everybody asks.
    """
    token = secrets.token_hex(8)
    try:
        taken = redis_connection().set(
            redis_keys.candles_lock(*key),
            token,
            nx=True,
            ex=redis_keys.CANDLES_LOCK_TTL,
        )
    except RedisError:
        return token
    return token if taken else None


def frame_unlock(key: FrameKey, token: str) -> None:
    """Give the lock back."""
    try:
        redis_connection().eval(UNLOCK, 1, redis_keys.candles_lock(*key), token)
    except RedisError as error:
        logger.debug("A lock of candles was left to expire (%s).", type(error).__name__)


def _load(name: str) -> KeptFrame | None:
    try:
        packed = redis_connection().get(name)
    except RedisError:
        return None
    if not isinstance(packed, bytes):
        return None
    read_ms, rows = orjson.loads(zlib.decompress(packed))
    return KeptFrame(rows, read_ms)
