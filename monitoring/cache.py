"""What monitoring asks Redis and keeps there."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, cast

import orjson
from django.conf import settings

from btc_watcher.lib.redis_client import (
    RedisError,
    cluster_refuse,
    redis_client,
    redis_connection,
)
from btc_watcher.lib.redis_keys import (
    DEFAULT_QUEUE,
    METRICS_COUNTERS,
    METRICS_COUNTERS_TTL,
    SYSTEM_STATUS,
    SYSTEM_STATUS_TTL,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "RedisError",
    "cluster_refused",
    "counters_swap",
    "redis_info",
    "status_read",
    "status_write",
    "tasks_waiting",
]

logger = logging.getLogger(__name__)


def cluster_refused() -> None:
    """Raise ConfigurationError when REDIS_URL leads to a node of a cluster."""
    # Of its own: what is opened here would be shared with the children of a worker.
    client = redis_client(settings.REDIS_URL, connect_timeout=1, timeout=1)
    try:
        cluster_refuse(client)
    finally:
        client.close()


def tasks_waiting() -> int:
    """Return how many tasks wait in the default queue; RedisError without Redis."""
    return redis_connection().llen(DEFAULT_QUEUE)


def redis_info() -> tuple[dict[str, Any], float]:
    """Return what INFO tells, and the ms that a PING took; RedisError without Redis."""
    client = redis_connection()
    client.ping()
    started = time.perf_counter()
    client.ping()
    waited = (time.perf_counter() - started) * 1000
    return client.info(), waited


def status_write(fields: Mapping[str, str]) -> bool:
    """Write ``system:status``, which lives for 30 s; tell whether Redis took it."""
    try:
        with redis_connection().pipeline(transaction=True) as pipe:
            pipe.delete(SYSTEM_STATUS)
            values: dict[Any, Any] = dict(fields)
            pipe.hset(SYSTEM_STATUS, mapping=values)
            pipe.expire(SYSTEM_STATUS, SYSTEM_STATUS_TTL)
            pipe.execute()
    except RedisError as error:
        logger.warning("The status is not in Redis (%s).", type(error).__name__)
        return False
    return True


def status_read() -> dict[str, str]:
    """Return ``system:status``; empty when there is none, or no Redis."""
    try:
        found = cast("dict[bytes, bytes]", redis_connection().hgetall(SYSTEM_STATUS))
    except RedisError:
        return {}
    return {key.decode(): value.decode() for key, value in found.items()}


def counters_swap(fresh: Mapping[str, Any]) -> dict[str, Any] | None:
    """Keep the counters of this round; return those of the one before, if any."""
    try:
        with redis_connection().pipeline(transaction=True) as pipe:
            pipe.get(METRICS_COUNTERS)
            pipe.set(METRICS_COUNTERS, orjson.dumps(fresh), ex=METRICS_COUNTERS_TTL)
            before = cast("list[bytes | None]", pipe.execute())[0]
        known = orjson.loads(before) if before else None
    except (RedisError, ValueError):
        return None
    return known if isinstance(known, dict) else None
