"""What is measured each minute for the charts of the page; kept in Redis for two days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitoring.database import cache
from monitoring.database.activity import connections_now, counters
from monitoring.database.outbox import outbox_waiting
from monitoring.database.pools import pools_listed
from monitoring.database.sizes import database_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

# Beyond this gap a counter says nothing of the time between.
LONGEST_GAP: Final = 300.0
LEVELS: Final = (
    "size",
    "connections",
    "active",
    "longest",
    "due",
    "overdue",
    "pool_used",
    "pool_waiting",
    "redis_memory",
    "redis_keys",
)


def sample_take(now: datetime) -> dict[str, Any]:
    """Measure and keep one sample; RedisError without Redis, which keeps them."""
    connections, waiting, counted = connections_now(), outbox_waiting(now), counters()
    redis = cache.redis_state()
    # The connections beside which they are drawn are those of the main database.
    pools = [pool for pool in pools_listed() if not pool.database]
    sample = {
        "at": round(now.timestamp()),
        "size": database_size(),
        "connections": connections.here,
        "active": connections.active,
        "longest": round(connections.longest, 1),
        "commits": counted["commits"] + counted["rollbacks"],
        "hit": counted["hit"],
        "read": counted["read"],
        "due": waiting.due,
        "overdue": round(waiting.seconds, 1),
        "pool_used": sum(pool.used for pool in pools),
        "pool_waiting": sum(pool.waiting for pool in pools),
        "redis_memory": redis["memory"],
        "redis_keys": redis["keys"],
        "redis_evicted": redis["evicted"],
    }
    cache.sample_write(sample)
    return sample


def columns_of(samples: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return samples (oldest first) as columns for the charts. Pure.

    Counters become rates: ``commits`` per second, ``hit`` percent of blocks found in
    memory, ``redis_evicted`` per minute. None where there is no telling.
    """
    columns: dict[str, list[Any]] = {"at": [each["at"] for each in samples]}
    for name in LEVELS:
        columns[name] = [each.get(name) for each in samples]
    pairs = list(zip([None, *samples], samples, strict=False))
    columns["commits"] = [_rate(old, new, "commits") for old, new in pairs]
    columns["hit"] = [_hit(old, new) for old, new in pairs]
    columns["redis_evicted"] = [
        _rate(old, new, "redis_evicted", 60) for old, new in pairs
    ]
    return columns


def _rate(
    old: Mapping[str, Any] | None, new: Mapping[str, Any], name: str, seconds: float = 1
) -> float | None:
    grown = _grown(old, new, name)
    if grown is None or old is None:
        return None
    return round(grown / float(new["at"] - old["at"]) * seconds, 2)


def _hit(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> float | None:
    hit, read = _grown(old, new, "hit"), _grown(old, new, "read")
    if hit is None or read is None or hit + read == 0:
        return None
    return round(100 * hit / (hit + read), 2)


def _grown(
    old: Mapping[str, Any] | None, new: Mapping[str, Any], name: str
) -> float | None:
    """Return by how much a counter grew; None after a gap or when it began anew."""
    if old is None or name not in old or name not in new:
        return None
    if not 0 < new["at"] - old["at"] <= LONGEST_GAP or new[name] < old[name]:
        return None
    return float(new[name] - old[name])
