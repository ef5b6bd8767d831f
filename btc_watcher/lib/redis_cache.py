"""Gives Django's cache the clients of ``redis_client`` where sentinels name the master."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django_redis.pool import ConnectionFactory  # type: ignore[import-untyped]

from btc_watcher.lib.redis_client import redis_client

if TYPE_CHECKING:
    import redis


class SentinelConnections(ConnectionFactory):  # type: ignore[misc]
    """Makes the pool of the cache's ``LOCATION``, a ``redis+sentinel://`` address.

    The library's own reads from replicas, where a session that was just written may be
    missing, and lowers the name of the service.
    """

    def get_connection_pool(self, params: dict[str, Any]) -> redis.ConnectionPool:
        """Return a pool of connections to whoever is the master."""
        pool: redis.ConnectionPool = redis_client(
            params["url"],
            connect_timeout=params["socket_connect_timeout"],
            timeout=params["socket_timeout"],
        ).connection_pool
        return pool
