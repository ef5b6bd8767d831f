"""Which Python the environments of freqtrade are made with."""

from __future__ import annotations

import os
import stat
import sys
from functools import cache
from pathlib import Path
from typing import Final

SYSTEM_PYTHON: Final = Path("/usr/bin/python3")
# The oldest that current releases of freqtrade run on.
OLDEST: Final = (3, 11)


@cache
def base_python() -> str:
    """Return the interpreter for new environments, as a path.

    Ours, unless we are root and its files are closed to everybody else (below /root,
    say): bots then run as another user, who needs one that can be read.
    """
    if os.geteuid() != 0 or open_to_all(Path(sys.executable)):
        return sys.executable
    found = SYSTEM_PYTHON.resolve()
    if open_to_all(found) and _version(found) >= OLDEST:
        return str(SYSTEM_PYTHON)
    return sys.executable


@cache
def base_python_version() -> tuple[int, ...]:
    """Return the version of that interpreter; two numbers where no more is known."""
    if base_python() == sys.executable:
        return tuple(sys.version_info[:3])
    return _version(Path(base_python()).resolve())


def open_to_all(path: Path) -> bool:
    """Tell whether every user may run the program ``path`` leads to."""
    try:
        real = path.resolve(strict=True)
        return bool(real.stat().st_mode & stat.S_IXOTH) and all(
            parent.stat().st_mode & stat.S_IXOTH for parent in real.parents
        )
    except OSError:
        return False


def _version(path: Path) -> tuple[int, ...]:
    """Return the version in the name of a resolved interpreter, such as python3.11."""
    numbers = path.name.removeprefix("python").split(".")
    return tuple(int(part) for part in numbers if part.isdigit())
