"""What runs in this container, noted for the command that looks after it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

# In the folder for temporary files: every container has one of its own.
NAME: Final = "btcw-program.json"


@dataclass(frozen=True, slots=True)
class Note:
    """A program: its role and name as in process_heartbeats, and the port of the pages."""

    role: str
    name: str = ""
    port: int | None = None


def write(note: Note) -> None:
    """Note the program that starts now."""
    _path().write_text(json.dumps(asdict(note)), encoding="utf-8")


def read() -> Note | None:
    """Return the program that runs here, None when none has started yet."""
    try:
        return Note(**json.loads(_path().read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _path() -> Path:
    return Path(tempfile.gettempdir()) / NAME
