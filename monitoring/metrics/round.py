"""One round: read the signs of life, ask the servers, write rows and the status."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import transaction

from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import METRICS_ROUND
from btc_watcher.lib.statements import rows_of
from monitoring import cache
from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import is_alive
from monitoring.metrics.gathering import of_processes
from monitoring.metrics.servers import ask_database, ask_redis, rates
from monitoring.metrics.shapes import Measurement, fitted
from monitoring.metrics.status import status_make

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitoring.metrics.servers import Counters

logger = logging.getLogger(__name__)

INSERT: Final = """
INSERT INTO system_metrics (timestamp, metric_type, component, value, unit, metadata)
SELECT %(now)s, r.metric_type, r.component, r.value::numeric, r.unit, r.metadata
  FROM json_to_recordset(%(rows)s::json) AS r (
       metric_type text, component text, value text, unit text, metadata jsonb)
RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a round did. ``skipped`` tells that another round was going on."""

    processes: int = 0
    rows: int = 0
    seconds: float = 0.0
    skipped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def metrics_round(now: datetime) -> Figures:
    """Measure once and store it; raises Django's database errors. Redis may be away."""
    started = time.monotonic()
    with transaction.atomic():
        if not lock_taken(METRICS_ROUND):
            logger.warning("A round of metrics goes on: this one is left out.")
            return Figures(skipped=True)
        bounds = limits()
        rows = [row for row in beats_read() if is_alive(row, bounds)]
        found = [*of_processes(rows), *_of_servers(now)]
        count = metrics_write(found, now)
    cache.status_write(status_make(found, now))
    return Figures(len(rows), count, round(time.monotonic() - started, 3))


def metrics_write(found: Sequence[Measurement], now: datetime) -> int:
    """Store measurements of one moment; return how many."""
    rows = [row for each in found if (row := _row(each)) is not None]
    if not rows:
        return 0
    return len(rows_of(INSERT, {"now": now, "rows": orjson.dumps(rows).decode()}))


def _of_servers(now: datetime) -> list[Measurement]:
    found, counters = ask_database()
    # Its own measurements are missing then, and health tells of it.
    with contextlib.suppress(cache.RedisError):
        of_redis, more = ask_redis()
        found += of_redis
        counters |= more
    moment, before = _counters_swap(now.timestamp(), counters)
    return found + rates(counters, before, now.timestamp() - moment)


def _counters_swap(moment: float, counters: Counters) -> tuple[float, Counters]:
    """Keep the counters for the next round; return those of the round before."""
    known: Any = cache.counters_swap({"at": moment, "counters": counters})
    try:
        counted = {name: float(value) for name, value in known["counters"].items()}
        return float(known["at"]), counted
    # None, or what another release or program has left under our key.
    except (TypeError, ValueError, KeyError, AttributeError):
        return moment, {}


def _row(each: Measurement) -> dict[str, Any] | None:
    value = fitted(each.value)
    if value is None:
        return None
    metadata: dict[str, Any] = {"name": each.name, "host": each.host}
    if each.processes is not None:
        metadata["processes"] = each.processes
    return {
        "metric_type": each.metric_type,
        "component": each.component,
        "value": str(value),
        "unit": each.unit,
        "metadata": metadata,
    }
