"""Runs ``manage.py`` commands during the start, with their output kept in a log."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

from btc_watcher.env import BASE_DIR
from btc_watcher.local.service_user import setpriv
from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from btc_watcher.local.terminal import Say

TAIL_LINES = 20
END_SECONDS = 10.0


def manage(*arguments: str) -> tuple[str, ...]:
    """Return the command line of a manage.py command."""
    return (sys.executable, str(BASE_DIR / "manage.py"), *arguments)


def run_manage(
    *arguments: str,
    environment: Mapping[str, str],
    log_path: Path,
    say: Say | None = None,
    secret: bool = False,
) -> str:
    """Run a command to its end and return its standard output.

    Each line is given to ``say`` as it comes and kept in ``log_path``, unless the answer
    is ``secret``. LocalError with the last lines when the command fails.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("a", encoding="utf-8", buffering=1) as log:
        log.write(f"\n$ manage.py {' '.join(arguments)}\n")
        began = log.tell()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [setpriv(), "--pdeathsig=TERM", *manage(*arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=BASE_DIR,
            env=dict(environment) | {"PYTHONUNBUFFERED": "1"},
            text=True,
            errors="replace",
            start_new_session=True,
        )

        def on_line(line: str) -> None:
            if not secret:
                log.write(line)
            if say is not None and line.strip():
                say(line.rstrip())

        lines = _follow(process, on_line)
    if process.returncode != 0:
        with log_path.open("rb") as log_read:
            log_read.seek(began)
            said = log_read.read().decode(errors="replace").splitlines()
        tail = "\n".join(f"  {line}" for line in said[-TAIL_LINES:])
        raise LocalError(
            f"manage.py {arguments[0]} failed (exit code {process.returncode}); all of "
            f"it is in {log_path}, its end is:\n{tail}"
        )
    return "".join(lines)


def _follow(
    process: subprocess.Popen[str], on_line: Callable[[str], None]
) -> list[str]:
    """Read the output until its end; an interruption ends the command too."""
    lines = []
    try:
        for line in process.stdout or ():
            lines.append(line)
            on_line(line)
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    return lines
