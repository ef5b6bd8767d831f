"""Which of the system's processes this is."""

from __future__ import annotations

import os
import socket
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WEB: Final = "web"
WORKER: Final = "worker"
BEAT: Final = "beat"
SUPERVISOR: Final = "supervisor"
# Those that run for as long as the system does.
LASTING: Final = (WEB, WORKER, BEAT, SUPERVISOR)
SERVERS: Final = ("uvicorn", "hypercorn", "daphne", "gunicorn")


def kind_of(arguments: Sequence[str]) -> str:
    """Return web, worker, beat, supervisor, or the name of the command. Pure."""
    if not arguments:
        return "python"
    path = Path(arguments[0])
    # python -m uvicorn is …/uvicorn/__main__.py
    program = path.parent.name if path.name == "__main__.py" else path.stem
    rest = list(arguments[1:])
    if program in SERVERS or "runserver" in rest[:1]:
        return WEB
    if program == "celery":
        return next((each for each in (WORKER, BEAT) if each in rest), "celery")
    if program == "manage":
        command = rest[0] if rest else "manage"
        return SUPERVISOR if command == "run_supervisor" else command
    return program or "python"


@cache
def process_kind() -> str:
    """Return what this process is."""
    return kind_of(sys.argv)


def process_name() -> str:
    """Return ``kind@host:pid``."""
    return f"{process_kind()}@{socket.gethostname()}:{os.getpid()}"
