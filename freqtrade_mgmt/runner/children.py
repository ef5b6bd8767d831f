"""Processes of a runner: that they end with it, what they hold, and ending them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PAGE: Final = resource.getpagesize()
MEGABYTE: Final = 1_000_000


def end_with(parent: int) -> None:
    """Let the kernel end this process with its parent; leave at once if that has gone."""
    process = ctypes.CDLL(None)
    if hasattr(process, "prctl"):
        process.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def take_orphans() -> None:
    """Become the parent of what a strategy has started and a worker has left behind."""
    process = ctypes.CDLL(None)
    if hasattr(process, "prctl"):
        process.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(but: int) -> None:
    """Kill and reap all children but one."""
    for task in Path("/proc/self/task").glob("*/children"):
        for word in task.read_text().split():
            pid = int(word)
            if pid != but:
                end(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def own_mb(pid: int | str = "self") -> float:
    """Return the memory that a process has to itself, in MB; 0 when it has gone."""
    try:
        _reserved, resident, shared = _pages(pid)
    except OSError:
        return 0.0
    return (resident - shared) * _PAGE / MEGABYTE


def address_space() -> int:
    """Return the bytes of address space that this process has reserved."""
    return _pages("self")[0] * _PAGE


def _pages(pid: int | str) -> tuple[int, int, int]:
    """Return the pages that a process has reserved, holds, and shares.

    Asked around every analysis, so without what pathlib costs.
    """
    descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
    try:
        reserved, resident, shared = os.read(descriptor, 256).split()[:3]
    finally:
        os.close(descriptor)
    return int(reserved), int(resident), int(shared)


def share_mb(pid: int) -> tuple[float, float]:
    """Return the resident and the proportional memory of a process, in MB.

    Pages that several processes share count in full in the first, divided in the second.
    """
    sizes = {"Rss": 0.0, "Pss": 0.0}
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _colon, value = line.partition(":")
            if name in sizes:
                sizes[name] = int(value.split()[0]) * 1024 / MEGABYTE
    except (OSError, ValueError, IndexError):
        return 0.0, 0.0
    return sizes["Rss"], sizes["Pss"]


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(word) for word in task.read_text().split()]
                found += children
                waiting += children
    return found


def end(pid: int) -> None:
    """Kill a process of ours, and what a strategy has started from it."""
    for one in [*descendants(pid), pid]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)
