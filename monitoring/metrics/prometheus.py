"""The newest measurements as Prometheus reads them.

Everything comes from the database, so it is the same whichever process answers.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from btc_watcher.lib import replica
from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import is_alive
from monitoring.metrics.reading import newest
from monitoring.metrics.selectors import (
    alerts_by_priority,
    strategies_by_status,
    waiting_by_status,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
UNITS: Final = {
    "percent": "percent",
    "MB": "megabytes",
    "GB": "gigabytes",
    "MB/s": "megabytes_per_second",
    "ms": "milliseconds",
    "count": "count",
    "count/s": "per_second",
}
Sample = tuple[dict[str, str], float]


def exposition(now: datetime) -> str:
    """Return the text; raises Django's database errors."""
    families: dict[str, list[Sample]] = defaultdict(list)
    for each in newest(now):
        name = f"btcw_{each.metric_type}_{UNITS.get(each.unit, 'value')}"
        labels = {"component": each.component, "series": each.name, "host": each.host}
        families[name].append((labels, each.value))
    bounds = limits()
    for row in beats_read():
        labels = {"role": row.role, "host": row.host, "process": row.name}
        alive = float(is_alive(row, bounds))
        families["btcw_process_up"].append((labels, alive))
        families["btcw_process_heartbeat_age_seconds"].append((labels, row.age_s))
    counted: tuple[tuple[str, str, Mapping[str, int]], ...] = (
        ("btcw_strategies", "status", strategies_by_status()),
        ("btcw_notifications_waiting", "status", waiting_by_status()),
        ("btcw_alerts_open", "priority", alerts_by_priority()),
    )
    for name, label, counts in counted:
        families[name] += [({label: key}, float(n)) for key, n in counts.items()]
    if found := replica.standing():
        # As the process that answers sees it.
        families["btcw_replica_usable"].append(({}, float(found.usable)))
        if found.lag is not None:
            families["btcw_replica_lag_seconds"].append(({}, found.lag))
    return text_of(families)


def text_of(families: Mapping[str, Iterable[Sample]]) -> str:
    """Return samples in the text format, every one a gauge. Pure."""
    lines = []
    for name in sorted(families):
        lines.append(f"# TYPE {name} gauge")
        for labels, value in families[name]:
            told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{name}{{{told}}} {value!r}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
