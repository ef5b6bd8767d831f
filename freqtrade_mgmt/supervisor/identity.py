"""Which process is which: pids are used again, and clocks are set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

# The kernel counts in hundredths of a second.
SAME_MOMENT: Final = 0.02
# Of /proc/<pid>/stat behind the program's name, counted from 0.
STARTED_FIELD: Final = 19
LISTENING: Final = "0A"


@dataclass(frozen=True, slots=True)
class ProcessKey:
    """Names one process for certain.

    ``create_time`` is in seconds since 1970. The kernel counts it from its own start, so
    it moves when the machine's clock is set; ``origin`` does not, and counts where it is
    known.
    """

    pid: int
    create_time: float
    origin: str = ""

    @classmethod
    def of(cls, process: psutil.Process) -> ProcessKey:
        """Return the key of a process; raises psutil.Error when it has gone."""
        return cls(process.pid, process.create_time(), origin_of(process.pid))

    def names(self, process: psutil.Process) -> bool:
        """Tell whether this is the process; raises psutil.Error when it has gone."""
        if self.origin:
            return origin_of(process.pid) == self.origin
        return abs(process.create_time() - self.create_time) < SAME_MOMENT


def origin_of(pid: int) -> str:
    """Return the start of a process as the kernel counts it, "" where it does not tell.

    Ticks since the machine's start, with the mark of that start.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        ticks = text.rpartition(")")[2].split()[STARTED_FIELD]
    except (OSError, IndexError):
        return ""
    return f"{_boot()}:{ticks}" if _boot() else ""


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def listens(key: ProcessKey, port: int) -> bool:
    """Tell whether this very process listens on a port of loopback.

    Where we may not see whose sockets are whose (root without CAP_SYS_PTRACE, as in
    many containers), a socket of the same user has to do.
    """
    try:
        process = psutil.Process(key.pid)
        if not key.names(process):
            return False
        connections = process.net_connections("tcp")
    except psutil.AccessDenied:
        return _uid_of(key.pid) in set(_listeners(port))
    except psutil.Error:
        return False
    return any(
        connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        for connection in connections
    )


def _uid_of(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 - no path of ours
    except OSError:
        return -1


def _listeners(port: int) -> Iterator[int]:
    """Yield the users of the sockets that listen on a port."""
    try:
        _head, *lines = Path("/proc/net/tcp").read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        fields = line.split()
        if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            yield int(fields[7])
