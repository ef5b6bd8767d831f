"""What health asks Redis."""

from __future__ import annotations

from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import DEFAULT_QUEUE

__all__ = ["RedisError", "tasks_waiting"]


def tasks_waiting() -> int:
    """Return how many tasks wait in the default queue; RedisError without Redis."""
    return redis_connection().llen(DEFAULT_QUEUE)
