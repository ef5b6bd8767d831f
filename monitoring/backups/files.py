"""Files of a backup: written with their checksum, sealed when that is wanted."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.encryption import key_ring
from monitoring.backups.sealing import SealingWriter, unsealed
from monitoring.backups.shapes import (
    SEALED,
    BackupError,
    DamagedBackupError,
    FileFacts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

CHUNK: Final = 1 << 20
# What is written goes to the disk bit by bit, not all at the end.
SYNC_EVERY: Final = 64 << 20


class FileWriter:
    """A new private file; ``close`` brings it to the disk and returns its facts."""

    def __init__(self, folder: Path, name: str, *, sealed: bool) -> None:
        """Make ``name`` (with a suffix when sealed) in ``folder``; it must not exist."""
        self.name = name + SEALED if sealed else name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._handle = os.fdopen(os.open(folder / self.name, flags, 0o600), "wb")
        self._sum = hashlib.sha256()
        self._unsynced = 0
        self.size = 0
        self._sealing = SealingWriter(_Plain(self), key_ring()) if sealed else None

    def write(self, data: bytes) -> None:
        """Write plain bytes."""
        if self._sealing is None:
            self.put(data)
        else:
            self._sealing.write(data)

    def put(self, data: bytes) -> None:
        """Write bytes as they lie on the disk."""
        self._handle.write(data)
        self._sum.update(data)
        self.size += len(data)
        self._unsynced += len(data)
        if self._unsynced >= SYNC_EVERY:
            self._unsynced = 0
            self._handle.flush()
            os.fdatasync(self._handle.fileno())

    def close(self) -> FileFacts:
        """Write what is left and wait until the disk has it."""
        if self._sealing is not None:
            self._sealing.close()
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._handle.close()
        return FileFacts(self.size, self._sum.hexdigest())

    def abandon(self) -> None:
        """Close the file as it is; the folder is removed by whoever made it."""
        try:
            self._handle.close()
        except OSError:
            # The disk is full: what was buffered cannot be written, and need not be.
            return


class _Plain:
    """What the sealing writer writes to."""

    def __init__(self, writer: FileWriter) -> None:
        self._writer = writer

    def write(self, data: bytes) -> int:
        self._writer.put(data)
        return len(data)


def file_open(source: Path, target: Path) -> int:
    """Write the plain bytes of a file of a backup to the new private file ``target``.

    Returns how many. BackupError when ``target`` exists or cannot be written, or
    ``source`` cannot be read; a part of it is not left.
    """
    try:
        writer = FileWriter(target.parent, target.name, sealed=False)
    except OSError as error:
        raise BackupError(f"{target} cannot be made: {error.strerror}.") from error
    try:
        for piece in plain_pieces(source):
            writer.write(piece)
        return writer.close().size
    except BaseException as error:
        writer.abandon()
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            words = f"{source} could not be opened to {target}: {error.strerror}."
            raise BackupError(words) from error
        raise


def plain_pieces(path: Path) -> Iterator[bytes]:
    """Yield the plain bytes of a file of a backup, opened with the key ring if sealed."""
    with path.open("rb") as source:
        if path.name.endswith(SEALED):
            yield from unsealed(source, key_ring())
        else:
            while piece := source.read(CHUNK):
                yield piece


def file_facts(path: Path) -> FileFacts:
    """Return the facts of a file that another program has written and synced."""
    with path.open("rb") as source:
        checksum = hashlib.file_digest(source, "sha256").hexdigest()
        return FileFacts(os.fstat(source.fileno()).st_size, checksum)


def files_check(
    folder: Path, files: Mapping[str, FileFacts], on_bytes: Callable[[int], None]
) -> None:
    """Read every file and compare it with its facts; DamagedBackupError tells which."""
    done = 0
    for name, facts in files.items():
        path = folder / name
        checksum = hashlib.sha256()
        size = 0
        try:
            with path.open("rb") as source:
                while piece := source.read(CHUNK):
                    checksum.update(piece)
                    size += len(piece)
                    on_bytes(done + size)
        except FileNotFoundError as error:
            raise DamagedBackupError(
                f"{path} is missing. Use another backup."
            ) from error
        done += size
        if size != facts.size:
            raise DamagedBackupError(
                f"{path} has {size} bytes instead of {facts.size}: it was cut off or"
                " added to. Use another backup."
            )
        if checksum.hexdigest() != facts.sha256:
            raise DamagedBackupError(
                f"{path} is not what was written: its checksum differs. The disk may be"
                " failing. Use another backup."
            )
