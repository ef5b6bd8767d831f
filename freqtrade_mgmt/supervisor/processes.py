"""Starting, watching and ending the processes of bots. Nobody is ended by name."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Final, Protocol

import psutil

from btc_watcher.lib.process_list import processes_now
from freqtrade_mgmt.supervisor.identity import ProcessKey
from freqtrade_mgmt.supervisor.limits import confined
from freqtrade_mgmt.supervisor.logs import console_open

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from freqtrade_mgmt.supervisor.unprivileged import Identity

# In the environment of a bot: the mark of one start, recorded before it. Ours alone.
RUN_MARK: Final = "BTCW_RUN"


class AnyProcess(Protocol):
    """What the supervisor needs of a bot's process, or of its place in a shared one."""

    @property
    def key(self) -> ProcessKey:
        """The process, named for certain."""

    @property
    def hosted(self) -> bool:
        """Whether other strategies share the process."""

    @property
    def up(self) -> bool:
        """Whether its API may answer by now."""

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative signal number, or None where nobody can know."""

    @property
    def moves(self) -> str:
        """Why it needs a process of its own, as a code; empty: it does not."""

    @property
    def said(self) -> str:
        """What is to be read as the last line of its log."""

    def alive(self) -> bool:
        """Tell whether it runs."""

    def terminate(self) -> None:
        """Have it end in an orderly way."""

    def kill(self) -> None:
        """Have it end whatever it costs."""

    def let_go(self) -> None:
        """Give back what it held; it has ended."""

    def rss_mb(self) -> float:
        """Return what it holds in MB."""

    def end_words(self) -> str:
        """Return why it ended, where more is known than its exit code and its log."""


class BotProcess:
    """A process that we started, now or before a restart of ours."""

    # It is nobody else's, and tells no more than its log.
    hosted: Final = False
    up: Final = True
    moves: Final = ""
    said: Final = ""

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
        run_as: Identity | None = None,
        limits: Mapping[int, int] | None = None,
    ) -> BotProcess:
        """Start a bot in a session of its own, so that it outlives us."""
        # A file, not a pipe: a pipe that nobody reads stops its writer. Opened
        # for appending, so that it can be cut while it is written.
        with os.fdopen(console_open(console), "ab") as output:
            child = subprocess.Popen(  # noqa: S603 - a list of our own making, no shell
                confined(command, limits or {}, run_as),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
        return cls(ProcessKey.of(psutil.Process(child.pid)), child)

    @classmethod
    def of_run(cls, run: str) -> BotProcess | None:
        """Return the process that carries the mark of a start, if it lives.

        For a supervisor that was killed between a start and its record. Processes that
        it has made carry the mark as well, but lead no session.
        """
        found = None
        for process in processes_now() if run else ():
            try:
                if process.environ().get(RUN_MARK) != run:
                    continue
                if os.getsid(process.pid) != process.pid:
                    continue
                # What a strategy has started in a session of its own came later.
                if found is None or process.create_time() < found.create_time():
                    found = process
            except (psutil.Error, ProcessLookupError, PermissionError):
                continue
        return None if found is None else cls(ProcessKey.of(found), None)

    @classmethod
    def adopt(cls, key: ProcessKey) -> BotProcess | None:
        """Return a process that an earlier supervisor started, if it still lives."""
        process = cls(key, None)
        return process if process.alive() else None

    def alive(self) -> bool:
        """Tell whether the process runs.

        A child that has ended is reaped, and what it left of its session is killed:
        processes that a strategy started would stay for ever.
        """
        if self._child is None:
            return self._find() is not None
        if self._child.returncode is None and _has_ended(self._child.pid):
            # Not reaped yet, so its number is nobody else's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
        return self._child.poll() is None

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

    def let_go(self) -> None:
        """Nothing is held for a process that has ended."""

    def end_words(self) -> str:
        """Return nothing: its exit code and its log tell."""
        return ""

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
            same = self.key.names(process)
            ended = process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if same and not ended else None


def _has_ended(pid: int) -> bool:
    """Tell whether a child has ended, and leave it unreaped."""
    try:
        done = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return done is not None


class Port:
    """A port of loopback, kept for a bot as long as this object is not closed.

    The socket is bound and does not listen. The kernel gives the port to nobody else,
    while a server that sets SO_REUSEADDR, as the bot's does, may still take it.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    port = Port()
    port.close()
    return port.number
