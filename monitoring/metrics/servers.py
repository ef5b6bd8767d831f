"""What PostgreSQL and Redis say of themselves, wherever they run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.statements import rows_of
from monitoring import cache
from monitoring.metrics.shapes import (
    CPU,
    DATABASE,
    DISK,
    MEMORY,
    NETWORK,
    REDIS,
    Measurement,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MB: Final = 1_000_000.0
BLOCK: Final = 8192
# The statistics of our database, and its sessions. Every user may read both.
ASK: Final = """
SELECT pg_database_size(current_database())::float8,
       d.xact_commit::float8 + d.xact_rollback, d.blks_read::float8, d.blks_hit::float8,
       d.numbackends::float8,
       (SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state = 'active')::float8
  FROM pg_stat_database d WHERE d.datname = current_database()
"""
# Raw counters of the round before, to make rates of.
Counters = dict[str, float]


def ask_database() -> tuple[list[Measurement], Counters]:
    """Return what needs no earlier look, and the counters; raises database errors."""
    rows_of("SELECT 1", [])
    started = time.perf_counter()
    rows_of("SELECT 1", [])
    waited = (time.perf_counter() - started) * 1000
    ((size, transactions, read, hit, sessions, active),) = rows_of(ASK, [])
    found = [
        Measurement(DATABASE, DISK, "size", size / 1e9, "GB"),
        Measurement(DATABASE, NETWORK, "sessions", sessions, "count"),
        Measurement(DATABASE, CPU, "active", active, "count"),
        Measurement(DATABASE, NETWORK, "answer", waited, "ms"),
    ]
    counters = {
        "db_transactions": transactions,
        "db_read": read * BLOCK,
        "db_hit": hit * BLOCK,
    }
    return found, counters


def ask_redis() -> tuple[list[Measurement], Counters]:
    """Return what needs no earlier look, and the counters; raises RedisError."""
    known, waited = cache.redis_info()
    found = [
        Measurement(REDIS, MEMORY, "data", _number(known, "used_memory") / MB, "MB"),
        Measurement(
            REDIS, NETWORK, "clients", _number(known, "connected_clients"), "count"
        ),
        Measurement(REDIS, NETWORK, "answer", waited, "ms"),
        # Changes that are in its memory and not on its disk yet.
        Measurement(
            *(REDIS, DISK, "unsaved"),
            _number(known, "rdb_changes_since_last_save"),
            "count",
        ),
    ]
    cpu = _number(known, "used_cpu_sys") + _number(known, "used_cpu_user")
    counters = {
        "redis_cpu": cpu,
        "redis_in": _number(known, "total_net_input_bytes"),
        "redis_out": _number(known, "total_net_output_bytes"),
        "redis_commands": _number(known, "total_commands_processed"),
    }
    return found, counters


def rates(now: Counters, before: Counters, seconds: float) -> list[Measurement]:
    """Return what the counters of two rounds tell. Pure.

    A counter that has gone back belongs to a server that was restarted, and tells
    nothing.
    """
    return list(_rates(now, before, seconds)) if seconds > 0 else []


# Counter: component, type, name, unit, what one of the counter is in the unit.
RATES: Final = {
    "db_transactions": (DATABASE, CPU, "transactions", "count/s", 1.0),
    "db_read": (DATABASE, DISK, "read", "MB/s", 1 / MB),
    "db_hit": (DATABASE, MEMORY, "buffers", "MB/s", 1 / MB),
    "redis_cpu": (REDIS, CPU, "own", "percent", 100.0),
    "redis_in": (REDIS, NETWORK, "received", "MB/s", 1 / MB),
    "redis_out": (REDIS, NETWORK, "sent", "MB/s", 1 / MB),
    "redis_commands": (REDIS, CPU, "commands", "count/s", 1.0),
}


def _rates(now: Counters, before: Counters, seconds: float) -> Iterator[Measurement]:
    for counter, (component, kind, name, unit, factor) in RATES.items():
        if counter in now and counter in before and now[counter] >= before[counter]:
            rate = (now[counter] - before[counter]) * factor / seconds
            yield Measurement(component, kind, name, rate, unit)


def _number(known: Mapping[str, Any], name: str) -> float:
    value = known.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
