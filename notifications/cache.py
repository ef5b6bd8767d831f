"""What this app asks Redis directly; everything else goes through Celery."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from btc_watcher.lib.redis_client import redis_connection
from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue

if TYPE_CHECKING:
    from collections.abc import Mapping


def queue_lengths() -> Mapping[str, int]:
    """Return how many tasks wait in the queue of each priority.

    Raises redis.RedisError when Redis is away.
    """
    with redis_connection().pipeline(transaction=False) as pipe:
        for priority in PRIORITIES:
            pipe.llen(notifications_queue(priority))
        return dict(zip(PRIORITIES, cast("list[int]", pipe.execute()), strict=True))
