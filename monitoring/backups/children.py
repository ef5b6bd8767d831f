"""Running PostgreSQL's own programs: their lines as they come, their end with ours."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import threading
from collections import deque
from typing import IO, TYPE_CHECKING, Final, Self

from monitoring.backups.shapes import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

KEPT_LINES: Final = 200
SHOWN_LINES: Final = 5
PIPE_BYTES: Final = 1 << 20


class Child:
    """One program, ended when the block is left and when our thread dies.

    ``on_line`` gets each line of its standard error, from a thread of its own.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        feeds: bool = False,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """``feeds``: its standard input is written by us; else it has none."""
        self._name = command[0].rpartition("/")[2]
        self._on_line = on_line
        self._errors: deque[str] = deque(maxlen=KEPT_LINES)
        self._deaf: BaseException | None = None
        self._process = subprocess.Popen(  # noqa: S603 - a list of our own making, no shell
            [*_with_us(), *command],
            env=dict(environment),
            stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        for pipe in (self._process.stdin, self._process.stdout):
            _widen(pipe)
        self._reader = threading.Thread(
            target=self._read_errors, name=f"{self._name} messages", daemon=True
        )
        self._reader.start()

    @property
    def output(self) -> IO[bytes]:
        """Its standard output; it must be read to its end."""
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        return self._process.stdout

    @property
    def input(self) -> IO[bytes]:
        """Its standard input."""
        assert self._process.stdin is not None  # noqa: S101 - for mypy
        return self._process.stdin

    @property
    def errors(self) -> list[str]:
        """The lines that the program calls errors; whole after ``wait``."""
        mark = f"{self._name}: error: "
        return [line.partition(mark)[2] for line in self._errors if mark in line]

    def wait(self) -> int:
        """Return the exit code, after the last line was read.

        Raises what ``on_line`` raised.
        """
        code = self._ended()
        if self._deaf is not None:
            raise self._deaf
        return code

    def _ended(self) -> int:
        code = self._process.wait()
        self._reader.join()
        return code

    def succeed(self) -> None:
        """Wait, and raise BackupError with the program's own words when it failed."""
        code = self.wait()
        if code:
            # Only the errors: lines of context quote rows of the database.
            words = " ".join(self.errors[:SHOWN_LINES]) or f"exit code {code}"
            raise BackupError(f"{self._name} failed: {words}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        self._ended()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _read_errors(self) -> None:
        for raw in self._process.stderr or ():
            line = raw.decode(errors="replace").rstrip()
            if ": error: " in line:
                self._errors.append(line)
            if self._deaf is None:
                try:
                    self._on_line(line)
                except BaseException as error:  # noqa: BLE001 - raised again by wait
                    # Read on: a program whose messages nobody takes stands still.
                    self._deaf = error


def output_of(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what a program prints; BackupError when it fails."""
    with Child(command, environment) as child:
        text = child.output.read().decode(errors="replace")
        child.succeed()
    return text


def _widen(pipe: IO[bytes] | None) -> None:
    """Ask for a larger pipe, so that the two processes take fewer turns."""
    if pipe is not None:
        # The kernel allows an ordinary user only so many.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _with_us() -> list[str]:
    """Let the kernel end the program when we are killed."""
    found = shutil.which("setpriv", path="/usr/bin:/bin:/usr/sbin:/sbin")
    return [found, "--pdeathsig=KILL"] if found else []
