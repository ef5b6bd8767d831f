"""The process of one trial: its folder, its limits, its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from freqtrade_mgmt.supervisor.limits import ADDRESS_SPACE_MB, MEGABYTE, NICENESS
from freqtrade_mgmt.supervisor.unprivileged import Identity, give
from freqtrade_mgmt.trial.verdict import Ended

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

SCRIPT: Final = Path(__file__).resolve().parent.parent / "trial" / "load_strategy.py"
# By the names of the module resource: the limit, and up to where the process itself could
# raise it. The script sets them before it loads anything: from outside, not even root may
# in every container, when the process is another user's.
LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "RLIMIT_AS": (ADDRESS_SPACE_MB * MEGABYTE,) * 2,
    # The first limit is a signal that tells what it is, the second one kills.
    "RLIMIT_CPU": (30, 35),
    "RLIMIT_NOFILE": (256, 256),
    "RLIMIT_FSIZE": (50 * MEGABYTE,) * 2,
    "RLIMIT_CORE": (0, 0),
}
POLL_SECONDS: Final = 0.05
# Of what a strategy prints, and of its report, no more is kept and read.
OUTPUT_BYTES: Final = 1_000_000
TAIL_BYTES: Final = 16_000
REPORT_BYTES: Final = 200_000


@dataclass(frozen=True)
class Program:
    """What is tried: one strategy's source text, with the settings that its bot gets."""

    class_name: str
    code: str
    python: Path
    settings: Mapping[str, object] = field(default_factory=dict)


class Output:
    """What a strategy prints: a file that is cut while it is written, and its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._before = ""
        # Whoever prints writes at the end, also after the file was cut.
        flags = fcntl.fcntl(file, fcntl.F_GETFL)
        fcntl.fcntl(file, fcntl.F_SETFL, flags | os.O_APPEND)

    def fileno(self) -> int:
        """Return the descriptor to write to."""
        return self._file.fileno()

    def cut(self) -> None:
        """Keep the end of the file alone when it has grown."""
        if os.fstat(self._file.fileno()).st_size > OUTPUT_BYTES:
            self._before = _read_end(self._file, TAIL_BYTES)
            os.ftruncate(self._file.fileno(), 0)

    def end(self) -> str:
        """Return the last of what was printed."""
        return (self._before + _read_end(self._file, TAIL_BYTES))[-TAIL_BYTES:]


async def trial_run(
    program: Program, *, root: Path, run_as: Identity | None, seconds: float
) -> Ended:
    """Run a trial in a new folder below ``root`` and return how it ended.

    Nothing of it is left afterwards, whatever happens. Raises OSError when it cannot be
    started.
    """
    folder = Path(tempfile.mkdtemp(prefix="trial-", dir=_root_made(root, run_as)))
    try:
        _fill(folder, program)
        give(folder, run_as)
        # Without a name, so that the strategy cannot put something else in their place.
        with (
            tempfile.TemporaryFile(dir=root) as report,
            tempfile.TemporaryFile(dir=root) as output,
        ):
            printed = Output(output)
            child = _start(program, folder, run_as, (report, printed))
            try:
                late = not await _wait(child, printed, time.monotonic() + seconds)
            finally:
                code = await _end(child)
            return Ended(
                code=code,
                late=late,
                report=_read_end(report, REPORT_BYTES),
                output=printed.end(),
            )
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def leftovers_remove(root: Path) -> None:
    """Remove the folders of trials that a killed supervisor left behind."""
    for folder in root.glob("trial-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _root_made(root: Path, run_as: Identity | None) -> Path:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Another user has to pass through it to a folder of its own.
    root.chmod(0o711 if run_as else 0o700)
    return root


def _fill(folder: Path, program: Program) -> None:
    strategies = folder / "strategies"
    strategies.mkdir(mode=0o700)
    for path, text in (
        (strategies / f"{program.class_name}.py", program.code),
        (folder / "settings.json", json.dumps(dict(program.settings))),
        (folder / "limits.json", json.dumps({"limits": LIMITS, "nice": NICENESS})),
        # A copy, because the other user may not be able to read ours.
        (folder / SCRIPT.name, SCRIPT.read_text(encoding="utf-8")),
    ):
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8", newline="\n")


def _start(
    program: Program,
    folder: Path,
    run_as: Identity | None,
    files: tuple[IO[bytes], Output],
) -> subprocess.Popen[bytes]:
    """Start the process, in a session of its own."""
    report, output = files
    command = [str(program.python), "-I", str(folder / SCRIPT.name), str(folder)]
    user = (run_as.uid, run_as.gid, ()) if run_as else (None, None, None)
    return subprocess.Popen(  # noqa: S603 - a list of our own making, no shell
        [*command, program.class_name, str(report.fileno()), str(os.getpid())],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=output.fileno(),
        stderr=subprocess.STDOUT,
        pass_fds=[report.fileno()],
        start_new_session=True,
        umask=0o077,
        user=user[0],
        group=user[1],
        extra_groups=user[2],
    )


def _environment(folder: Path) -> dict[str, str]:
    """Return the whole environment; nothing of ours is in it."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        # Each thread of these libraries reserves address space, which is limited.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


async def _wait(
    child: subprocess.Popen[bytes], output: Output, deadline: float
) -> bool:
    """Return True when the process has ended, False when it has not in time."""
    while not _has_ended(child.pid):
        if time.monotonic() > deadline:
            return False
        output.cut()
        await asyncio.sleep(POLL_SECONDS)
    return True


def _has_ended(pid: int) -> bool:
    """Tell whether a child has ended, and leave it unreaped: its pid stays its own."""
    done = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return done is not None


async def _end(child: subprocess.Popen[bytes]) -> int:
    """Kill whatever is left of the session and return the exit code of its leader."""
    _kill(child.pid)
    # In a thread of its own, and not cut short: an unreaped child is never forgotten.
    return await asyncio.shield(asyncio.to_thread(child.wait))


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _read_end(file: IO[bytes], most: int) -> str:
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - most))
    return file.read().decode(errors="replace")
