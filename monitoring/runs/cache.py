"""How far a run is, and what rotations did; without Redis nobody knows."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import orjson

from btc_watcher.lib.redis_client import RedisError, WatchError, redis_connection
from btc_watcher.lib.redis_keys import (
    ROTATIONS,
    ROTATIONS_LENGTH,
    ROTATIONS_TTL,
    RUN_TTL,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Each time somebody was quicker, or the connection was lost.
ATTEMPTS = 5

__all__ = ["rotation_add", "rotations_read", "run_begin", "run_put", "run_read"]


def run_put(kind: str, values: Mapping[str, Any]) -> bool:
    """Note how far a run is, for ten minutes; tell whether Redis took it."""
    try:
        redis_connection().set(run(kind), orjson.dumps(dict(values)), ex=RUN_TTL)
    except RedisError:
        return False
    return True


def run_begin(
    kind: str, values: Mapping[str, Any], stands: Callable[[dict[str, Any]], bool]
) -> bool | None:
    """Note a run that somebody asks for, unless there is one for which ``stands``.

    Of several at once one is noted: True; the others are told False. None without Redis.
    """
    key, noted = run(kind), orjson.dumps(dict(values))
    for _attempt in range(ATTEMPTS):
        try:
            return _begin(key, noted, stands)
        except WatchError:
            # Somebody was quicker, or the connection was lost: what is there tells.
            continue
        except RedisError:
            break
    return None


def run_read(kind: str) -> dict[str, Any] | None:
    """Return what ``run_put`` noted last, None when that is long ago."""
    text: Any = None
    with contextlib.suppress(RedisError):
        text = redis_connection().get(run(kind))
    return _read(text)


def rotation_add(values: Mapping[str, Any]) -> None:
    """Keep what a rotation did."""
    with contextlib.suppress(RedisError), redis_connection().pipeline() as pipe:
        pipe.lpush(ROTATIONS, orjson.dumps(dict(values)))
        pipe.ltrim(ROTATIONS, 0, ROTATIONS_LENGTH - 1)
        pipe.expire(ROTATIONS, ROTATIONS_TTL)
        pipe.execute()


def rotations_read() -> list[dict[str, Any]]:
    """Return what the latest rotations did, the newest first."""
    texts: Any = []
    with contextlib.suppress(RedisError):
        texts = redis_connection().lrange(ROTATIONS, 0, -1)
    return [found for found in map(_read, texts) if found is not None]


def _begin(key: str, noted: bytes, stands: Callable[[dict[str, Any]], bool]) -> bool:
    with redis_connection().pipeline() as opened:
        pipe: Any = opened
        pipe.watch(key)
        text = pipe.get(key)
        there = _read(text)
        # It may be ours, of an attempt whose answer was lost.
        if text == noted or (there is not None and stands(there)):
            return bool(text == noted)
        pipe.multi()
        pipe.set(key, noted, ex=RUN_TTL)
        pipe.execute()
    return True


def _read(text: object) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text) if isinstance(text, bytes) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
