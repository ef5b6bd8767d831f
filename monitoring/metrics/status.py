"""``system:status``: how the system is in four numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freqtrade_mgmt.health.round import COUNTER
from monitoring import cache
from monitoring.metrics.reading import newest
from monitoring.metrics.shapes import CPU, HOST, MEMORY, Measurement
from strategies.selectors import processes_open

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def status_make(found: Iterable[Measurement], now: datetime) -> dict[str, str]:
    """Return the fields; the busiest machine speaks for all. Raises database errors."""
    known = [each for each in found if each.component == HOST]
    cpu = [each.value for each in known if each.metric_type == CPU]
    memory = [each.value for each in known if each.metric_type == MEMORY]
    running = processes_open().filter(status="running")
    return {
        "cpu_percent": f"{max(cpu, default=0.0):.1f}",
        "memory_percent": f"{max(memory, default=0.0):.1f}",
        "active_strategies": str(running.values("strategy_id").distinct().count()),
        "total_signals_24h": str(sum(COUNTER.counts(now).day.values())),
        "last_update": str(int(now.timestamp())),
    }


def system_status(now: datetime) -> dict[str, str]:
    """Return the fields from Redis, or made anew from the newest rows.

    The key lives for as long as a round lasts, so at times it is just gone.
    """
    kept = cache.status_read()
    if kept:
        return kept
    made = status_make(newest(now), now)
    cache.status_write(made)
    return made
