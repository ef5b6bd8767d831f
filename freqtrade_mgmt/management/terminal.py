"""What a command writes: lines, JSON, and one line that is written over on a terminal."""

from __future__ import annotations

import json
import shutil
import time
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

REWRITE_SECONDS: Final = 0.2
# Elsewhere than on a terminal, so many hundredths make a new line.
COARSE: Final = 10
_MEGABYTE: Final = 1_000_000


class Output:
    """Writes to a terminal or a pipe. ``quiet``: nothing but what is asked as JSON."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._tty = stream.isatty()
        self._shown = ""
        self._next = 0.0
        self._coarse = 0

    def line(self, text: str) -> None:
        """Write one line."""
        if not self._quiet:
            self._over("")
            self._write(f"{text}\n")

    def json(self, value: object) -> None:
        """Write a value as JSON."""
        self._over("")
        self._write(
            json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"
        )

    def progress(self, progress: Mapping[str, Any]) -> None:
        """Show how far something is: a line that is written over, or now and then one."""
        size, percent = int(progress.get("bytes") or 0), progress.get("percent")
        if self._quiet or percent is None:
            return
        total = int(progress.get("total") or 0)
        text = f"{percent} % ({size // _MEGABYTE} of about {total // _MEGABYTE} MB)"
        if self._tty:
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + REWRITE_SECONDS
                self._over(text)
        elif percent >= self._coarse + COARSE:
            self._coarse = percent - percent % COARSE
            self._write(f"{text}\n")

    def _over(self, text: str) -> None:
        """Write over the line that is there now."""
        if not self._tty or text == self._shown:
            return
        width = shutil.get_terminal_size().columns - 1
        blank = " " * min(width, len(self._shown))
        self._shown = text[:width]
        self._write(f"\r{blank}\r{self._shown}")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
