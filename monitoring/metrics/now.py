"""What the page of the system says in words and numbers, without charts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from btc_watcher.lib import replica
from monitoring.heartbeats.models import Role
from monitoring.heartbeats.store import Seen, beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import is_alive, is_dead
from monitoring.metrics.reading import newest
from monitoring.metrics.shapes import CPU, DATABASE, DISK, HOST, MEMORY
from monitoring.metrics.status import system_status
from strategies.hosts import bots_alone, shared_processes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from monitoring.metrics.shapes import Measurement

OWN_GROUP = {Role.WEB: "api"}


@dataclass(frozen=True, slots=True)
class ProcessShown:
    """A line of the table; ``state`` is alive, dead or stopped."""

    role: str
    name: str
    host: str
    pid: int
    state: str
    cpu: float | None
    memory_mb: float | None
    up: timedelta
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class MachineShown:
    """A machine; what was not measured is None."""

    host: str
    cpu: float | None
    memory: float | None
    disk: float | None


def system_now(now: datetime) -> dict[str, Any]:
    """Return ``status``, ``machines``, ``processes``, ``database_gb``, ``replica``, bots.

    ``bots`` counts what runs freqtrade, ``shared`` lists those that strategies share.
    """
    found = newest(now)
    rows = beats_read()
    bots = [each for each in found if each.component == "freqtrade"]
    shared = shared_processes()
    return {
        "status": system_status(now),
        "machines": machines_of(found),
        "processes": [shown for row in rows if (shown := _shown(row, now)) is not None],
        "replica": replica.standing(),
        "database_gb": _value(found, DATABASE, DISK, "size"),
        "shared": shared,
        "bots": len(shared) + bots_alone(),
        "bots_mb": sum(each.value for each in bots if each.name == "memory"),
    }


def machines_of(found: list[Measurement]) -> list[MachineShown]:
    """Return the machines of the newest measurements. Pure."""
    hosts = sorted({each.host for each in found if each.component == HOST})
    return [
        MachineShown(
            host,
            _value(found, HOST, CPU, "cpu", host),
            _value(found, HOST, MEMORY, "used", host),
            _value(found, HOST, DISK, "used", host),
        )
        for host in hosts
    ]


def _value(
    found: list[Measurement], component: str, kind: str, name: str, host: str = ""
) -> float | None:
    for each in found:
        if (each.component, each.metric_type, each.name, each.host) == (
            *(component, kind, name),
            host,
        ):
            return each.value
    return None


def _shown(row: Seen, now: datetime) -> ProcessShown | None:
    bounds = limits()
    alive = is_alive(row, bounds)
    if not alive and row.role == Role.WEB:
        # Every start of a web process has a row of its own; the old ones tell nothing.
        return None
    figures = _own(row)
    cpu, memory = figures.get("cpu"), figures.get("memory_mb")
    return ProcessShown(
        role=str(Role(row.role).label),
        name=row.name,
        host=row.host,
        pid=row.pid,
        state="alive" if alive else ("dead" if is_dead(row, bounds) else "stopped"),
        cpu=cpu if alive else None,
        memory_mb=memory if alive else None,
        up=timedelta(seconds=int((row.seen_at - row.started_at).total_seconds())),
        seen_at=row.seen_at,
    )


def _own(row: Seen) -> Mapping[str, float]:
    group = OWN_GROUP.get(Role(row.role), row.role)
    groups = row.figures.get("groups")
    own = groups.get(group) if isinstance(groups, dict) else None
    return own if isinstance(own, dict) else {}
