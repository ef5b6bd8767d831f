"""The database connections of every process: each reports its own to Redis."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql.base import DatabaseWrapper

from btc_watcher.lib.processes import LASTING, process_kind, process_name
from monitoring.database import cache

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

# Three reports fit into the life of one.
EVERY_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Pool:
    """A process's pool: of ``size`` open connections ``free`` are not in use.

    ``database`` is "" for the main one, ``replica`` for the one that is only read.
    ``waiting`` callers wait for one now. Since the process began: ``requests`` in all,
    those that had to ``queue``, for how long together (``wait_ms``), and those that gave
    up (``failed``); connections that were ``lost`` or not to be made.
    """

    process: str
    kind: str
    database: str
    size: int
    free: int
    least: int
    most: int
    waiting: int
    requests: int
    queued: int
    wait_ms: int
    failed: int
    lost: int

    @property
    def used(self) -> int:
        """Connections in use."""
        return max(0, self.size - self.free)

    @property
    def state(self) -> str:
        """ok, or warning while callers wait for a connection."""
        return "warning" if self.waiting else "ok"


def pools_listed() -> list[Pool]:
    """Return the pools that were reported lately; RedisError without Redis."""
    found = [_pool(name, stats) for name, stats in cache.pools_read().items()]
    order = {kind: number for number, kind in enumerate(LASTING)}
    return sorted(found, key=lambda each: (order.get(each.kind, 9), each.process))


def pool_report() -> bool:
    """Report this process's pools; False while it has none. RedisError without Redis."""
    # Asking a connection for its pool would make one.
    pools = dict(DatabaseWrapper._connection_pools)  # type: ignore[attr-defined] # noqa: SLF001
    for alias, pool in pools.items():
        name = process_name() + ("" if alias == DEFAULT_DB_ALIAS else f"/{alias}")
        cache.pool_write(name, pool.get_stats())
    return bool(pools)


def reporting_start() -> threading.Thread | None:
    """Report from now on, in a thread, if this is a process of the system; else None."""
    if process_kind() not in LASTING:
        return None
    thread = threading.Thread(target=_report_for_ever, name="pool report", daemon=True)
    thread.start()
    return thread


def _report_for_ever() -> None:
    while True:
        time.sleep(EVERY_SECONDS)
        try:
            pool_report()
        except cache.RedisError as error:
            logger.debug("The pool was not reported (%s).", type(error).__name__)


def _pool(name: str, stats: Mapping[str, Any]) -> Pool:
    def number(key: str) -> int:
        value = stats.get(key)
        return value if isinstance(value, int) else 0

    kind, _, rest = name.partition("@")
    process, _, database = rest.partition("/")
    return Pool(
        process=process,
        kind=kind,
        database=database,
        size=number("pool_size"),
        free=number("pool_available"),
        least=number("pool_min"),
        most=number("pool_max"),
        waiting=number("requests_waiting"),
        requests=number("requests_num"),
        queued=number("requests_queued"),
        wait_ms=number("requests_wait_ms"),
        failed=number("requests_errors"),
        lost=number("connections_lost") + number("connections_errors"),
    )
