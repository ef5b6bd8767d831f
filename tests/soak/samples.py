"""Measuring the running system: memory, descriptors, threads, disks, Redis's keys."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import redis

from btc_watcher.lib.process_list import processes_now
from tests.soak.slopes import Point

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

MEBIBYTE = 1024 * 1024
BOT = re.compile(r"/bots/(\d+)")
RUNNER = re.compile(r"/runners/([^/ ]+)")
PROGRAM = re.compile(r"(\w+)_program\b")
STARTED = re.compile("|".join(each.pattern for each in (BOT, RUNNER, PROGRAM)))
DIGITS = re.compile(r"\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32,}")
# The servers are families whose members come and go; they are measured as one.
FAMILIES = ("postgres",)
POSTGRES_FOLDER = "postgres"

# One life of a process (its pid), and what was measured in it.
Lives = dict[object, list[Point]]


@dataclass(slots=True)
class Series:
    """What was measured: per quantity and name, per life."""

    memory: dict[str, Lives] = field(default_factory=dict)
    descriptors: dict[str, Lives] = field(default_factory=dict)
    threads: dict[str, Lives] = field(default_factory=dict)
    disks: dict[str, Lives] = field(default_factory=dict)
    # Keys without a time to live, since the last flush.
    keys: dict[str, Lives] = field(default_factory=dict)
    families: Counter[str] = field(default_factory=Counter)

    @staticmethod
    def note(series: dict[str, Lives], name: str, life: object, value: float) -> None:
        """Add a measurement of now."""
        point = Point(time.monotonic(), value)
        series.setdefault(name, {}).setdefault(life, []).append(point)


class Sampler:
    """Measures one system; each method is one look."""

    def __init__(self, home: Path, names: Mapping[int, str]) -> None:
        """``names`` are those of the strategies, by number."""
        self.series = Series()
        # A flushed Redis begins anew.
        self.flushes = 0
        self._home, self._names = home, names

    def look_at_processes(self, pids: Mapping[str, int]) -> None:
        """Measure what runs, and what the supervisor or an earlier one has started."""
        for name, pid in pids.items():
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                self._note(name, pid, self._family(name, process))
        for process in self._started(set(pids.values())):
            with contextlib.suppress(psutil.Error):
                # A shared process has strategies in processes of theirs, too.
                members = [process, *process.children(recursive=True)]
                self._note(self._started_name(process), process.pid, members)

    def look_at_disks(self) -> None:
        """Measure each folder of the home."""
        for folder in sorted(self._home.iterdir()):
            if folder.is_dir() and not folder.is_symlink():
                size = folder_bytes(folder) / MEBIBYTE
                Series.note(self.series.disks, folder.name, "", size)

    def look_at_keys(self, client: redis.Redis) -> None:
        """Count the keys without a time to live; nothing while Redis is away."""
        try:
            lasting = lasting_keys(client)
        except (redis.RedisError, OSError):
            return
        self.series.families = Counter(map(family, lasting))
        Series.note(self.series.keys, "keys", self.flushes, len(lasting))

    def _started(self, known: Collection[int]) -> list[psutil.Process]:
        """Return bots and their like: they outlive the supervisor that started them."""
        found = {p.pid: p for p in processes_now() if self._is_ours(p, known)}
        return [p for p in found.values() if _parent(p) not in found]

    def _is_ours(self, process: psutil.Process, known: Collection[int]) -> bool:
        with contextlib.suppress(psutil.Error, OSError):
            words = " ".join(process.cmdline())
            place = process.cwd()
            ours = str(self._home) in words or Path(place).is_relative_to(self._home)
            return ours and process.pid not in known and bool(STARTED.search(words))
        return False

    def _started_name(self, process: psutil.Process) -> str:
        words = " ".join(process.cmdline())
        if found := BOT.search(words):
            return f"bot {self._names.get(int(found[1]), found[1])}"
        if found := RUNNER.search(words):
            return f"shared {found[1]}"
        found = PROGRAM.search(words)
        return f"supervisor's {found[1]}" if found else "others"

    def _family(self, name: str, process: psutil.Process) -> list[psutil.Process]:
        if name in FAMILIES:
            return [process, *process.children(recursive=True)]
        return [process]

    def _note(self, name: str, life: int, members: Iterable[psutil.Process]) -> None:
        memory = descriptors = threads = 0
        for member in members:
            with contextlib.suppress(psutil.Error):
                # What is its own: shared pages would be counted with whoever else is there.
                memory += member.memory_full_info().uss
                descriptors += member.num_fds()
                threads += member.num_threads()
        if not memory:
            return
        series = self.series
        Series.note(series.memory, name, life, memory / MEBIBYTE)
        Series.note(series.descriptors, name, life, descriptors)
        Series.note(series.threads, name, life, threads)


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.ppid()
    return 0


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder, as they are at the moment."""
    total = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(f"{place}/{name}").st_size
    return total


def lasting_keys(client: redis.Redis) -> list[str]:
    """Return the keys that never expire."""
    keys: list[Any] = list(client.scan_iter(count=1000))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.ttl(key)
    left: Sequence[int] = pipe.execute()
    return [
        key.decode(errors="replace")
        for key, seconds in zip(keys, left, strict=True)
        if seconds == -1
    ]


def family(key: str) -> str:
    """Return a key with its numbers taken out, so that like keys are counted together."""
    return DIGITS.sub("N", key)


def queue_lengths(client: redis.Redis) -> dict[str, int]:
    """Return what still waits in the queues, and what a worker has and has not finished."""
    found: dict[str, int] = defaultdict(int)
    for key in client.scan_iter(count=1000, _type="list"):
        name = key.decode(errors="replace")
        if name.startswith("queue:"):
            found[name] = int(client.llen(key))
    if waiting := int(client.hlen("unacked")):
        found["unacked"] = waiting
    return {name: length for name, length in found.items() if length}
