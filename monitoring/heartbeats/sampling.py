"""What a process uses, and what its machine does, by psutil. No database."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MB: Final = 1_000_000.0
LOOPBACK: Final = "lo"
# The group whose processes fork when they have read in what is large.
FORKING: Final = "freqtrade"
Key = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a process has used in its life: CPU seconds, bytes of disk."""

    cpu_s: float
    io: float | None


@dataclass(slots=True)
class Usage:
    """What a group of processes uses now: percent of one core, MB, MB/s, counts.

    Memory that processes share is counted once: sixty bots map the same libraries, and
    every backend of PostgreSQL the same buffers.
    """

    processes: int = 0
    cpu: float = 0.0
    own_mb: float = 0.0
    shared_mb: float = 0.0
    io_mb_s: float | None = None
    connections: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures; what could not be read is left out."""
        found = {
            "processes": self.processes,
            "cpu": round(self.cpu, 2),
            "memory_mb": round(self.own_mb + self.shared_mb, 2),
            "io_mb_s": None if self.io_mb_s is None else round(self.io_mb_s, 4),
            "connections": self.connections,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(slots=True)
class GroupSampler:
    """Measures groups of processes; rates are those since its last look at a process."""

    _before: dict[Key, tuple[float, Totals]] = field(default_factory=dict)

    def sample(
        self, groups: Mapping[str, Iterable[psutil.Process]]
    ) -> dict[str, dict[str, Any]]:
        """Return the usage of each group by name; each process is looked at once."""
        now = time.monotonic()
        seen: dict[Key, tuple[float, Totals]] = {}
        usages: dict[str, dict[str, Any]] = {}
        for name, processes in groups.items():
            usage, members = Usage(), list(processes)
            forks = _forks(members) if name == FORKING else frozenset()
            for process in members:
                self._add(process, usage, seen, now, forks)
            usages[name] = usage.as_dict()
        self._before = seen
        return usages

    def _add(
        self,
        process: psutil.Process,
        usage: Usage,
        seen: dict[Key, tuple[float, Totals]],
        now: float,
        forks: frozenset[int],
    ) -> None:
        try:
            with process.oneshot():
                key = (process.pid, process.create_time())
                totals = _totals(process)
                memory = process.memory_info()
                connections = _connections(process)
        except psutil.Error:
            return
        usage.processes += 1
        shared = getattr(memory, "shared", 0)
        own = max(0, memory.rss - shared)
        if process.pid in forks:
            own = min(own, _proportional(process, own))
        usage.own_mb += own / MB
        usage.shared_mb = max(usage.shared_mb, shared / MB)
        if connections is not None:
            usage.connections = (usage.connections or 0) + connections
        seen[key] = now, totals
        if key in self._before:
            self._rates(usage, self._before[key], totals, now)

    def _rates(
        self, usage: Usage, before: tuple[float, Totals], totals: Totals, now: float
    ) -> None:
        moment, earlier = before
        seconds = now - moment
        if seconds <= 0:
            return
        usage.cpu += max(0.0, totals.cpu_s - earlier.cpu_s) / seconds * 100
        if totals.io is not None and earlier.io is not None:
            rate = max(0.0, totals.io - earlier.io) / seconds / MB
            usage.io_mb_s = (usage.io_mb_s or 0.0) + rate


def _forks(members: Iterable[psutil.Process]) -> frozenset[int]:
    """Return those that were forked from one another: they share what is no file, too."""
    parents = {}
    for process in members:
        with contextlib.suppress(psutil.Error):
            parents[process.pid] = process.ppid()
    inside = {pid: parent for pid, parent in parents.items() if parent in parents}
    return frozenset({*inside, *inside.values()})


def _proportional(process: psutil.Process, otherwise: int) -> int:
    """Return what a process holds, with its part of what others hold too, in bytes."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, OSError, AttributeError):
        return otherwise


def _totals(process: psutil.Process) -> Totals:
    times = process.cpu_times()
    try:
        counters = process.io_counters()
        io: float | None = counters.read_bytes + counters.write_bytes
    except (psutil.AccessDenied, AttributeError):
        io = None
    return Totals(times.user + times.system, io)


def _connections(process: psutil.Process) -> int | None:
    """Return the open sockets of a process; names of its files are read, no more."""
    folder = f"/proc/{process.pid}/fd"
    count = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    count += os.readlink(entry.path).startswith("socket:")  # noqa: PTH115 - a thousand of them
                except OSError:
                    continue
    except OSError:
        return None
    return count


@dataclass(slots=True)
class MachineSampler:
    """Measures the machine: percent of CPU, memory and disk, bytes of disk, MB/s of network."""

    home: Path
    _before: tuple[float, float, float] | None = None

    def sample(self) -> dict[str, float]:
        """Return the figures; rates are not among those of the first look."""
        figures = {
            "memory": psutil.virtual_memory().percent,
            "cores": float(psutil.cpu_count() or 1),
        }
        # A thread's first answer is always 0, which would be shown as an idle machine.
        cpu = psutil.cpu_percent(None)
        if self._before is not None:
            figures["cpu"] = cpu
        with contextlib.suppress(OSError):
            usage = psutil.disk_usage(str(self.home))
            figures |= {
                "disk": usage.percent,
                "disk_free": usage.free,
                "disk_total": usage.total,
            }
        return figures | self._network()

    def _network(self) -> dict[str, float]:
        received, sent = _traffic()
        now = time.monotonic()
        before, self._before = self._before, (now, received, sent)
        if before is None or now <= before[0]:
            return {}
        seconds = now - before[0]
        return {
            "received_mb_s": max(0.0, received - before[1]) / seconds / MB,
            "sent_mb_s": max(0.0, sent - before[2]) / seconds / MB,
        }


def _traffic() -> tuple[float, float]:
    """Return the bytes that came to this machine and left it since it was started.

    What its processes tell each other over loopback never did either.
    """
    found = psutil.net_io_counters(pernic=True) or {}
    real = [each for name, each in found.items() if name != LOOPBACK]
    return (
        float(sum(each.bytes_recv for each in real)),
        float(sum(each.bytes_sent for each in real)),
    )
