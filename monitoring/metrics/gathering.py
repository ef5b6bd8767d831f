"""From what processes say of themselves to measurements. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from monitoring.metrics.shapes import (
    CPU,
    DISK,
    GROUPS,
    HOST,
    MEMORY,
    NETWORK,
    Measurement,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitoring.heartbeats.store import Seen

# Figure of a group of processes: type, name of the series, unit.
OF_GROUPS = {
    "cpu": (CPU, "cpu", "percent"),
    "memory_mb": (MEMORY, "memory", "MB"),
    "io_mb_s": (DISK, "io", "MB/s"),
    "connections": (NETWORK, "sockets", "count"),
}
OF_MACHINES = {
    "cpu": (CPU, "cpu", "percent"),
    "memory": (MEMORY, "used", "percent"),
    "disk": (DISK, "used", "percent"),
    "received_mb_s": (NETWORK, "received", "MB/s"),
    "sent_mb_s": (NETWORK, "sent", "MB/s"),
}


def of_processes(rows: Sequence[Seen]) -> list[Measurement]:
    """Return the measurements of living processes, summed by host and component.

    Every process of a host measures the machine as well; of each figure the newest
    counts, for the first beat of a process has no rates.
    """
    found = list(_of_groups(rows))
    machines: dict[str, dict[str, float]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row.age_s, reverse=True):
        figures = row.figures.get("machine")
        machines[row.host] |= _numbers(figures if isinstance(figures, dict) else {})
    for host, known in sorted(machines.items()):
        found += _of_machine(host, known)
    return found


def _of_groups(rows: Iterable[Seen]) -> Iterator[Measurement]:
    sums: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in rows:
        groups = row.figures.get("groups")
        for component, figures in groups.items() if isinstance(groups, dict) else ():
            if component not in GROUPS or not isinstance(figures, dict):
                continue
            total = sums[row.host, component]
            for name, value in _numbers(figures).items():
                total[name] = total.get(name, 0.0) + value
    for (host, component), total in sorted(sums.items()):
        processes = int(total.get("processes", 0))
        for figure, (kind, name, unit) in OF_GROUPS.items():
            if figure in total:
                yield Measurement(
                    component, kind, name, total[figure], unit, host, processes
                )
        yield Measurement(
            component, CPU, "processes", float(processes), "count", host, processes
        )


def _of_machine(host: str, known: Mapping[str, float]) -> list[Measurement]:
    return [
        Measurement(HOST, kind, name, known[figure], unit, host)
        for figure, (kind, name, unit) in OF_MACHINES.items()
        if figure in known
    ]


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in figures.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
