"""Starting, watching and ending the processes of bots. Nobody is ended by name."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The kernel counts in hundredths of a second.
SAME_MOMENT: Final = 0.02
CONSOLE_BYTES: Final = 5_000_000
TAIL_BYTES: Final = 16_000


@dataclass(frozen=True, slots=True)
class ProcessKey:
    """Names one process for certain: pids are reused, creation times are not."""

    pid: int
    create_time: float


class BotProcess:
    """A process that we started, now or before a restart of ours."""

    def __init__(self, key: ProcessKey, child: subprocess.Popen[bytes] | None) -> None:
        self.key = key
        self._child = child

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        console: Path,
    ) -> BotProcess:
        """Start a bot in a session of its own, so that it outlives us."""
        # A file, not a pipe: a pipe that nobody reads stops its writer. Opened
        # for appending, so that it can be cut while it is written.
        with open(
            console, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)
        ) as output:
            child = subprocess.Popen(  # noqa: S603 - a list of our own making, no shell
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
        return cls(
            ProcessKey(child.pid, psutil.Process(child.pid).create_time()), child
        )

    @classmethod
    def adopt(cls, key: ProcessKey) -> BotProcess | None:
        """Return a process that an earlier supervisor started, if it still lives."""
        process = cls(key, None)
        return process if process.alive() else None

    def alive(self) -> bool:
        """Tell whether the process runs; a child that has ended is reaped."""
        if self._child is not None:
            return self._child.poll() is None
        return self._find() is not None

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative signal number, or None when it was not our child."""
        return None if self._child is None else self._child.returncode

    def terminate(self) -> None:
        """Send one SIGTERM, to the process alone: two at once can hang freqtrade."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.key.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the process and all of its session."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.key.pid, signal.SIGKILL)

    def rss_mb(self) -> float:
        """Return the resident memory in MB, 0 when the process has ended."""
        process = self._find()
        if process is None:
            return 0.0
        try:
            return float(process.memory_info().rss) / 1_000_000
        except psutil.Error:
            return 0.0

    def _find(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.key.pid)
            same = abs(process.create_time() - self.key.create_time) < SAME_MOMENT
            ended = process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if same and not ended else None


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(key: ProcessKey, port: int) -> bool:
    """Tell whether this very process listens on a port of loopback."""
    try:
        connections = psutil.Process(key.pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(
        connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        for connection in connections
    )


def size(path: Path) -> int:
    """Return the size of a file in bytes, 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def tail(path: Path, start: int = 0) -> str:
    """Return the last kilobytes of a log file behind ``start``, or nothing.

    A file that is shorter than ``start`` was cut since: all of it is newer.
    """
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            first = start if start <= length else 0
            file.seek(max(first, length - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def cut_console(path: Path) -> None:
    """Keep what a bot prints from filling the disk: past 5 MB, keep the end once."""
    try:
        if path.stat().st_size <= CONSOLE_BYTES:
            return
        path.with_suffix(".old.log").write_text(tail(path))
        os.truncate(path, 0)
    except OSError:
        return
