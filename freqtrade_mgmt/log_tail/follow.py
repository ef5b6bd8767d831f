"""Following one file that is written, rotated and cut by others."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from freqtrade_mgmt.bot_files import open_inside
from freqtrade_mgmt.log_tail.lines import LONGEST, MARGIN

if TYPE_CHECKING:
    from pathlib import Path

# Per look, twice a second: what is beyond is counted and left out.
LINES: Final = 100
KEPT_BYTES: Final = 128 * 1024
SCANNED_BYTES: Final = 1024 * 1024
# Characters may take four bytes.
LINE_BYTES: Final = 4 * (LONGEST + MARGIN)


class Read(NamedTuple):
    """New lines, oldest first, and how many older ones were left out before them."""

    lines: list[bytes]
    left_out: int


class FileTail:
    """One file below a bot's folder. Not for use by two threads at once."""

    def __init__(self, folder: Path, path: Path) -> None:
        """Name the file; nothing is opened before the first look."""
        self._folder, self._path = folder, path
        self._file: int | None = None
        self._inode = 0
        self._offset = 0
        self._rest = b""
        self._in_long_line = False

    def last(self, count: int) -> list[bytes]:
        """Return the last whole lines, those of the rotated file included.

        Looks go on behind them.
        """
        self.close()
        lines: list[bytes] = []
        with contextlib.suppress(OSError):
            lines = self._last_lines(self._open(), count)
        if len(lines) < count:
            missing = count - len(lines)
            lines = self._rotated(missing) + lines
        return lines

    def look(self) -> Read:
        """Return what was written since the last look."""
        try:
            inode = self._path.lstat().st_ino
        except OSError:
            return Read([], 0)
        lines: list[bytes] = []
        skipped = 0
        if self._file is not None and inode != self._inode:
            # Rotated: what the old file got at last comes first.
            lines, skipped = self._read_to_end(self._file)
            self.close()
        try:
            file = self._open() if self._file is None else self._file
        except OSError:
            return _bounded(lines, skipped)
        if os.fstat(file).st_size < self._offset:
            self._begin_at(0)
        more, passed = self._read_to_end(file)
        if passed:
            return _bounded(more, skipped + len(lines) + passed)
        return _bounded(lines + more, skipped)

    def close(self) -> None:
        """Close the file; a later look begins at its beginning."""
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._begin_at(0)

    def _open(self) -> int:
        self._file = open_inside(self._folder, self._path, os.O_RDONLY)
        self._inode = os.fstat(self._file).st_ino
        self._begin_at(0)
        return self._file

    def _begin_at(self, offset: int) -> None:
        self._offset, self._rest, self._in_long_line = offset, b"", False

    def _last_lines(self, file: int, count: int) -> list[bytes]:
        size = os.fstat(file).st_size
        start = max(0, size - KEPT_BYTES)
        data = os.pread(file, size - start, start)
        whole, _, rest = data.rpartition(b"\n")
        # An unfinished line is read again by the next look.
        self._begin_at(start + len(data) - len(rest))
        lines = whole.split(b"\n") if whole else []
        if start > 0:
            lines = lines[1:]
        return [line[:LINE_BYTES] for line in lines[-count:]]

    def _rotated(self, count: int) -> list[bytes]:
        """Return the last lines of the file that was this one before."""
        older = FileTail(self._folder, self._path.with_name(f"{self._path.name}.1"))
        try:
            return older._last_lines(older._open(), count)
        except OSError:
            return []
        finally:
            older.close()

    def _read_to_end(self, file: int) -> tuple[list[bytes], int]:
        """Return whole new lines and how many were passed over before them."""
        size = os.fstat(file).st_size
        skipped = self._skip(file, size - KEPT_BYTES)
        data = os.pread(file, max(0, size - self._offset), self._offset)
        self._offset += len(data)
        parts = (self._rest + data).split(b"\n")
        self._rest = parts.pop()
        if self._in_long_line and parts:
            # The end of a line whose beginning was given, or passed over.
            parts = parts[1:]
            self._in_long_line = False
        if len(self._rest) > LINE_BYTES:
            if not self._in_long_line:
                parts.append(self._rest)
            self._rest, self._in_long_line = b"", True
        return [part[:LINE_BYTES] for part in parts], skipped

    def _skip(self, file: int, until: int) -> int:
        """Pass over what lies before ``until``; return how many lines that were."""
        skipped = 0
        last = b"\n"
        while self._offset < until:
            size = min(SCANNED_BYTES, until - self._offset)
            data = os.pread(file, size, self._offset)
            if not data:
                break
            skipped += data.count(b"\n")
            last = data[-1:]
            self._offset += len(data)
            self._rest, self._in_long_line = b"", False
        if last != b"\n":
            # We stopped in the middle of a line: its end is no line.
            skipped += 1
            self._in_long_line = True
        return skipped


def _bounded(lines: list[bytes], skipped: int) -> Read:
    excess = max(0, len(lines) - LINES)
    return Read(lines[excess:], skipped + excess)
