"""Small private files and the identity of processes that we started."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from btc_watcher.lib.errors import BtcWatcherError

if TYPE_CHECKING:
    from pathlib import Path

# psutil derives creation times from the boot time, which a clock correction may
# shift a little between two readings of one process.
CREATED_TOLERANCE_SECONDS = 2.0


class LocalError(BtcWatcherError):
    """Something that the person at the terminal must read and act on."""


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, named so that a later one with the same pid is never mistaken for it."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Return the identity of the living process ``pid``; psutil.Error when gone."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """Return the process when it still is the same one and is not a zombie."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < CREATED_TOLERANCE_SECONDS
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.Error:
            pass
        return None


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` atomically by a file with mode 0600 that holds ``text``."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
        os.replace(name, path)  # noqa: PTH105 - the name comes from mkstemp
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - the name comes from mkstemp
        raise


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in ``path``, or an empty one when absent or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write ``value`` as private JSON, atomically."""
    write_private(path, json.dumps(value, indent=1, sort_keys=True) + "\n")
