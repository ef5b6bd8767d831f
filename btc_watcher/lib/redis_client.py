"""Connections to Redis. Only ``cache`` and ``feed`` modules of the apps import this.

Every client is made here, of one server or of the master that sentinels name.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_address import CLUSTER, RedisAddress

if TYPE_CHECKING:
    from collections.abc import Mapping

# What to catch around them, for modules that may not import redis themselves.
RedisError = redis.RedisError
WatchError = redis.WatchError

# Past this a page would rather be told that Redis is away than wait for it.
CONNECT_TIMEOUT = 2.0
SOCKET_TIMEOUT = 5.0
# A sentinel that does not answer is followed by the next one, not asked again.
ONCE: Final = Retry(NoBackoff(), 0)
SENTINEL_OPTIONS: Final[Mapping[str, Any]] = {
    "socket_connect_timeout": 1.0,
    "socket_timeout": 1.0,
    "retry": ONCE,
}


def redis_client(
    url: str,
    *,
    connect_timeout: float = CONNECT_TIMEOUT,
    timeout: float = SOCKET_TIMEOUT,
) -> redis.Redis:
    """Return a client of the Redis at any address that REDIS_URL may be.

    Raises ConfigurationError for one that it may not be.
    """
    times = {"socket_connect_timeout": connect_timeout, "socket_timeout": timeout}
    address = RedisAddress.parse(url)
    if not address.sentinels:
        return redis.Redis.from_url(url, **times)
    manager: Any = sentinels(address)
    client: redis.Redis = manager.master_for(
        address.service, db=address.database, **address.login, **times
    )
    return client


def sentinels(address: RedisAddress) -> Sentinel:
    """Return the sentinels of an address that has some."""
    manager: Sentinel = Sentinel(  # type: ignore[no-untyped-call]
        list(address.sentinels),
        sentinel_kwargs={**SENTINEL_OPTIONS, **address.sentinel_login},
    )
    return manager


@cache
def redis_connection() -> redis.Redis:
    """Return this process's pooled connection; values are bytes."""
    return redis_client(settings.REDIS_URL)


def redis_async_connection() -> redis.asyncio.Redis:
    """Return a new asynchronous connection, to be closed by the caller.

    It has no read time-out: it is used for blocking reads, whose own ``block``
    argument bounds the wait.
    """
    times: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": None,
    }
    address = RedisAddress.parse(settings.REDIS_URL)
    if not address.sentinels:
        return redis.asyncio.Redis.from_url(settings.REDIS_URL, **times)
    options = {**SENTINEL_OPTIONS, "retry": AsyncRetry(NoBackoff(), 0)}
    manager: Any = AsyncSentinel(  # type: ignore[no-untyped-call]
        list(address.sentinels), sentinel_kwargs={**options, **address.sentinel_login}
    )
    master: redis.asyncio.Redis = manager.master_for(
        address.service,
        redis_class=_WithSentinels,
        db=address.database,
        **address.login,
        **times,
    )
    return master


class _WithSentinels(redis.asyncio.Redis):
    """Closes its connections to the sentinels too."""

    async def aclose(
        self,
        close_connection_pool: bool | None = None,  # noqa: FBT001 - the library's own
    ) -> None:
        """Close everything; it is opened anew when it is used again."""
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        await pool.sentinel_manager.aclose()


def cluster_refuse(client: redis.Redis) -> None:
    """Raise ConfigurationError when a plain address leads to a node of a cluster.

    A server that does not answer, or does not say, is none.
    """
    try:
        enabled = client.info("cluster").get("cluster_enabled")
    except redis.RedisError:
        return
    if enabled:
        raise ConfigurationError(
            f"REDIS_URL leads to a node of a cluster, but {CLUSTER}"
        )
