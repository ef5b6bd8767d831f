"""A direct child: its command, its log file, its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from btc_watcher.local.service_user import setpriv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_LOG_BYTES = 10 * 1024 * 1024
KEPT_LOGS = 3
TAIL_BYTES = 16 * 1024
TAIL_LINES = 12


class DirectChild:
    """A process in a session of its own, which the kernel ends together with us.

    The kernel's signal comes when the *thread* that started the child ends, so start
    children from a thread that lives as long as they shall, normally the main one.
    """

    def __init__(self, name: str, log_path: Path) -> None:
        """Name a child and the file that takes its output; nothing is started."""
        self.name = name
        self.log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self.alive else None

    @property
    def alive(self) -> bool:
        """Tell whether it runs (and reap it when it does not)."""
        return self._process is not None and self._process.poll() is None

    def spawn(
        self,
        command: list[str],
        *,
        death_signal: str,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        """Start ``command``; LocalError when setpriv (util-linux) is missing."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        # A file, because a pipe that nobody reads blocks the child. A session of its
        # own, because Ctrl-C in the terminal must reach us alone: we end the children
        # in order, and each gets one signal.
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                [setpriv(), f"--pdeathsig={death_signal}", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )

    def ending(self) -> str:
        """Say how it ended, as the end of a sentence that begins with its name."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "is not running"
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def log_tail(self) -> str:
        """Return the last lines of the log, introduced by where they come from."""
        lines: list[str] = []
        with contextlib.suppress(FileNotFoundError), self.log_path.open("rb") as log:
            log.seek(max(0, self.log_path.stat().st_size - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        tail = "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])
        return f"The end of {self.log_path}:\n{tail or '  (empty)'}"


@dataclass(frozen=True)
class ChildSpec:
    """What to run and how long it may take to end.

    ``environment`` is the whole environment. Children with the same ``stop_stage`` are
    stopped together, lower stages first.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    grace_seconds: float = 10.0
    stop_stage: int = 0


class Child(DirectChild):
    """One of our own programs: asked to end once with SIGTERM, then killed."""

    def __init__(self, spec: ChildSpec, log_path: Path) -> None:
        """Describe a child; ``launch()`` starts it."""
        super().__init__(spec.name, log_path)
        self.spec = spec

    def launch(self) -> None:
        """Start it; the log is rotated first when it is large."""
        rotate(self.log_path)
        self.spawn(
            list(self.spec.command),
            death_signal="TERM",
            folder=self.spec.folder,
            environment=self.spec.environment,
        )

    def relaunch(self) -> None:
        """Start it again after its end."""
        self.launch()

    def ready(self) -> bool:
        """Tell whether it runs; whether it serves is asked by those who need it."""
        return self.alive

    def terminate(self) -> None:
        """Ask it to end, once: two requests at a time can hang some programs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def join(self, seconds: float) -> bool:
        """Wait for its end, kill it after ``seconds``; tell whether it ended by itself."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True


def rotate(path: Path, max_bytes: int = MAX_LOG_BYTES, kept: int = KEPT_LOGS) -> None:
    """Copy a log past ``max_bytes`` to ``path.1`` (older ones to .2 …) and empty it.

    The writer keeps its descriptor, opened for appending, so it goes on at the start.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size <= max_bytes:
            return
        for number in range(kept, 1, -1):
            older = path.with_name(f"{path.name}.{number - 1}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number}"))
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)
