"""What the watch over the servers asks Redis, and keeps there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import orjson

from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import (
    BACKUPS_QUEUE,
    DATABASE_SAMPLES,
    DATABASE_SAMPLES_LENGTH,
    DATABASE_SAMPLES_TTL,
    DEFAULT_QUEUE,
    POOL_TTL,
    POOLS,
    PRIORITIES,
    notifications_queue,
    pool,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "RedisError",
    "pool_write",
    "pools_read",
    "redis_state",
    "sample_write",
    "samples_read",
]


def pool_write(process: str, stats: Mapping[str, Any]) -> None:
    """Keep what a process reports of its pool for 45 s; RedisError without Redis."""
    with redis_connection().pipeline(transaction=True) as pipe:
        pipe.set(pool(process), orjson.dumps(dict(stats)), ex=POOL_TTL)
        pipe.zadd(POOLS, {process: time.time()})
        pipe.expire(POOLS, POOL_TTL)
        pipe.execute()


def pools_read() -> dict[str, dict[str, Any]]:
    """Return the reports that still live, by process; RedisError without Redis."""
    client = redis_connection()
    names = [name.decode() for name in cast("list[bytes]", client.zrange(POOLS, 0, -1))]
    if not names:
        return {}
    found = cast("list[bytes | None]", client.mget([pool(name) for name in names]))
    # Not by when they reported: every machine has a clock of its own.
    gone = [name for name, text in zip(names, found, strict=True) if text is None]
    if gone:
        client.zrem(POOLS, *gone)
    return {
        name: orjson.loads(text)
        for name, text in zip(names, found, strict=True)
        if text is not None
    }


def sample_write(sample: Mapping[str, Any]) -> None:
    """Keep one sample; RedisError without Redis."""
    with redis_connection().pipeline(transaction=True) as pipe:
        pipe.lpush(DATABASE_SAMPLES, orjson.dumps(dict(sample)))
        pipe.ltrim(DATABASE_SAMPLES, 0, DATABASE_SAMPLES_LENGTH - 1)
        pipe.expire(DATABASE_SAMPLES, DATABASE_SAMPLES_TTL)
        pipe.execute()


def samples_read(most: int = DATABASE_SAMPLES_LENGTH) -> list[dict[str, Any]]:
    """Return the latest samples, the oldest first; RedisError without Redis."""
    found = redis_connection().lrange(DATABASE_SAMPLES, 0, most - 1)
    return [orjson.loads(text) for text in reversed(cast("list[bytes]", found))]


def redis_state() -> dict[str, Any]:
    """Return what Redis says of itself; bytes, counts, seconds; RedisError without it.

    ``server`` is redis or valkey; ``limit`` 0 is no limit; ``hit`` the percent of
    look-ups that found their key, None without any; ``queues`` how many tasks wait.
    """
    client = redis_connection()
    info = client.info()
    names = [*(notifications_queue(each) for each in PRIORITIES)]
    names += [DEFAULT_QUEUE, BACKUPS_QUEUE]
    with client.pipeline(transaction=False) as pipe:
        pipe.dbsize()
        for name in names:
            pipe.llen(name)
        keys, *lengths = cast("list[int]", pipe.execute())
    hits, misses = info.get("keyspace_hits", 0), info.get("keyspace_misses", 0)
    asked = hits + misses
    return {
        "server": info.get("server_name", "redis"),
        "version": info.get("valkey_version") or info.get("redis_version", "?"),
        "redis_version": info.get("redis_version", "0"),
        "memory": info.get("used_memory", 0),
        "peak": info.get("used_memory_peak", 0),
        "limit": info.get("maxmemory", 0),
        "policy": info.get("maxmemory_policy", "?"),
        "fragmentation": info.get("mem_fragmentation_ratio"),
        "keys": keys,
        "evicted": info.get("evicted_keys", 0),
        "expired": info.get("expired_keys", 0),
        "clients": info.get("connected_clients", 0),
        "commands": info.get("instantaneous_ops_per_sec", 0),
        "hit": round(100 * hits / asked, 1) if asked else None,
        "uptime": info.get("uptime_in_seconds", 0),
        "persisted": info.get("rdb_last_bgsave_status", "?"),
        "queues": dict(zip(names, lengths, strict=True)),
    }
