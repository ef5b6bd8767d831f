"""How far installations are, and what the package index said. Nothing here ever fails."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson

from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import (
    FREQTRADE_RELEASES,
    OPERATION_TTL,
    freqtrade_operation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

logger = logging.getLogger(__name__)


def operation_progress_write(operation_id: int, progress: Mapping[str, Any]) -> None:
    """Keep how far an operation is: {"bytes", "total", "step", "percent", "line"}."""
    _write(freqtrade_operation(operation_id), progress, OPERATION_TTL)


def operations_progress_read(operation_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return how far operations are, of those that Redis knows of."""
    if not operation_ids:
        return {}
    keys = [freqtrade_operation(operation_id) for operation_id in operation_ids]
    try:
        found = redis_connection().mget(keys)
    except RedisError as error:
        logger.warning("Progress cannot be read from Redis (%s).", type(error).__name__)
        return {}
    read = zip(operation_ids, map(_object, found), strict=True)
    return {operation_id: value for operation_id, value in read if value}


def releases_state_write(state: Mapping[str, Any]) -> None:
    """Keep how the index was asked last: {"asked_at", "problem"}."""
    _write(FREQTRADE_RELEASES, state, None)


def releases_state_read() -> dict[str, Any]:
    """Return how the index was asked last; empty where nobody knows."""
    try:
        return _object(redis_connection().get(FREQTRADE_RELEASES))
    except RedisError:
        return {}


def _write(key: str, value: Mapping[str, Any], seconds: int | None) -> None:
    try:
        redis_connection().set(key, orjson.dumps(dict(value)), ex=seconds)
    except RedisError as error:
        # The row in PostgreSQL says the same, only not as often.
        logger.debug("%s is not in Redis (%s).", key, type(error).__name__)


def _object(text: Any) -> dict[str, Any]:
    try:
        found = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
