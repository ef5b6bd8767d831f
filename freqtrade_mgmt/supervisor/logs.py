"""The logs of a bot: what it wrote itself, and what it printed. Both are bounded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.bot_files import open_inside

if TYPE_CHECKING:
    from pathlib import Path

CONSOLE_BYTES: Final = 5_000_000
TAIL_BYTES: Final = 16_000


def console_open(path: Path) -> int:
    """Open what a bot prints to, for appending, so that it can be cut meanwhile."""
    return _open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def size(path: Path) -> int:
    """Return the size of a file in bytes, 0 when there is none."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def tail(path: Path, start: int = 0) -> str:
    """Return the last kilobytes of a log file behind ``start``, or nothing.

    A file that is shorter than ``start`` was cut since: all of it is newer. Zeros, which
    no database takes, are left out.
    """
    try:
        with os.fdopen(_open(path, os.O_RDONLY), "rb") as file:
            length = file.seek(0, os.SEEK_END)
            first = start if start <= length else 0
            file.seek(max(first, length - TAIL_BYTES))
            return file.read().decode(errors="replace").replace("\0", "")
    except OSError:
        return ""


def cut_console(path: Path) -> None:
    """Keep what a bot prints from filling the disk: past 5 MB, keep the end once."""
    if size(path) <= CONSOLE_BYTES:
        return
    try:
        old = _open(path.with_suffix(".old.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(old, "w", encoding="utf-8") as kept:
            kept.write(tail(path))
        with os.fdopen(_open(path, os.O_WRONLY), "wb") as console:
            console.truncate(0)
    except OSError:
        return


def _open(path: Path, flags: int) -> int:
    # The bot's user could replace the folder of the logs too.
    return open_inside(path.parents[1], path, flags)
