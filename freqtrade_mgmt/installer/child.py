"""Running one tool: its lines as they come, its end when it is told to."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
from collections import deque
from typing import TYPE_CHECKING, Final

import psutil

from btc_watcher.env import environment_for_child
from btc_watcher.lib.process_list import processes_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

# In the environment of every child: which installation it belongs to.
INSTALL_MARK: Final = "BTCW_INSTALLATION"
KEPT_LINES: Final = 20
POLL_SECONDS: Final = 0.2
NICENESS: Final = 5
_CHUNK: Final = 65_536


def run_child(
    command: Sequence[str],
    environment: Mapping[str, str | None],
    *,
    lock: int | None,
    on_line: Callable[[str], str | None],
    on_wait: Callable[[], None],
) -> tuple[int, str]:
    """Run ``command`` and return its exit code and its last lines.

    ``on_line`` gets each line and returns it as it may be shown, None for one that says
    nothing. ``on_wait`` is called several times a second; whatever it raises ends the
    child and all it has started.
    """
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    # Children share the lock: what outlives us still keeps others from the folder.
    with subprocess.Popen(  # noqa: S603 - a list of our own making, no shell
        [*_politely(), *command],
        env=environment_for_child(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        pass_fds=() if lock is None else (lock,),
        start_new_session=True,
    ) as child:
        try:
            for line in _lines(child, on_wait):
                if (shown := on_line(line)) is not None:
                    kept.append(shown)
        except BaseException:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            raise
    return child.returncode, "\n".join(kept)


def _politely() -> list[str]:
    nice = shutil.which("nice", path="/usr/bin:/bin")
    return [nice, f"--adjustment={NICENESS}"] if nice else []


def _lines(
    child: subprocess.Popen[bytes], on_wait: Callable[[], None]
) -> Iterator[str]:
    rest = b""
    pipe = child.stdout
    if pipe is None:
        return
    while True:
        on_wait()
        ready, _, _ = select.select([pipe], [], [], POLL_SECONDS)
        if not ready:
            # What the child left running may hold the pipe open for ever.
            if child.poll() is not None:
                break
            continue
        chunk = os.read(pipe.fileno(), _CHUNK)
        if not chunk:
            break
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _text(line)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    # No database takes a zero.
    return line.decode(errors="replace").replace("\0", "").rstrip()


def marked_kill(mark: str) -> int:
    """End the children that an installation left behind; return how many there were."""
    ended = 0
    for process in processes_now() if mark else ():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(INSTALL_MARK) == mark:
                process.kill()
                ended += 1
    return ended


def pip_says(*arguments: str, python: Path, seconds: float = 60) -> str:
    """Return what pip prints, or nothing when it fails or takes longer."""
    try:
        said = subprocess.run(  # noqa: S603 - words of our own
            [str(python), "-m", "pip", *arguments],
            env=environment_for_child({}),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout if said.returncode == 0 else ""
