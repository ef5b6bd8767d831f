"""Connections to Redis. Only ``cache`` and ``feed`` modules of the apps import this."""

from __future__ import annotations

from functools import cache

import redis
import redis.asyncio
from django.conf import settings

# What to catch around them, for modules that may not import redis themselves.
RedisError = redis.RedisError

# Past this a page would rather be told that Redis is away than wait for it.
CONNECT_TIMEOUT = 2.0
SOCKET_TIMEOUT = 5.0


@cache
def redis_connection() -> redis.Redis:
    """Return this process's pooled connection; values are bytes."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=SOCKET_TIMEOUT,
    )


def redis_async_connection() -> redis.asyncio.Redis:
    """Return a new asynchronous connection, to be closed by the caller.

    It has no read time-out: it is used for blocking reads, whose own ``block``
    argument bounds the wait.
    """
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=None,
    )
