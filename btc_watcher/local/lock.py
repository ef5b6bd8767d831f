"""One ``make up`` per ``BTCW_HOME``: a lock that the kernel gives back when we die."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _path(home: Path) -> Path:
    return home / "run" / "up.lock"


@contextlib.contextmanager
def up_lock(home: Path) -> Iterator[None]:
    """Hold the lock of ``home``; LocalError with the holder's pid when it is taken."""
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalError(
                f"BTC Watcher already runs on {home} (pid {_read_pid(path)}). Stop it "
                "with Ctrl-C in its terminal or with kill, or set BTCW_HOME to another "
                "folder for a second system."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        # The file stays: removing it would let two runs lock two different files.
        os.close(descriptor)


def holder(home: Path) -> int | None:
    """Return the pid of the ``make up`` that runs on ``home``, None when there is none."""
    try:
        descriptor = os.open(_path(home), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_pid(_path(home))
    else:
        return None
    finally:
        os.close(descriptor)


def _read_pid(path: Path) -> int:
    text = path.read_text(encoding="ascii").strip()
    return int(text) if text.isdigit() else 0
