"""What the parts of a backup give each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.errors import BtcWatcherError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    # Takes what is being done, and how far it is: "public.signals_2026_11, 3 of 60".
    Say = Callable[[str, str], None]

FORMAT: Final = 1
DUMP: Final = "database.dump"
SNAPSHOT: Final = "redis.rdb"
SEALED: Final = ".sealed"
MEGABYTE: Final = 1_000_000


class BackupError(BtcWatcherError):
    """A backup or a restore did not work; what was there before is as it was."""


class BackupBusyError(BackupError):
    """Another backup or restore is at work in the same folder."""


class DamagedBackupError(BackupError):
    """The files of a backup are not what was written."""


class State(StrEnum):
    """What is known of a backup, from worst to best."""

    FAILED = "failed"  # it was not made; only the reason is kept
    DAMAGED = "damaged"  # its files or its manifest are not what was written
    TRIAL_FAILED = "trial_failed"  # it is whole, and could not be restored
    UNTRIED = "untried"  # it is whole, and nobody has restored it
    GOOD = "good"  # it was restored, and every table had its rows


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file as it lies on the disk, encrypted or not."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself; ``tables`` has the rows of each, by schema.name."""

    name: str
    started: datetime
    finished: datetime
    database: str
    # Major and minor of the server, as it says itself: 18.6.
    server: str
    tool: str
    compression: str
    # The id of the key that sealed the files, "" when they are not.
    key: str
    # Bytes of the database on the server.
    database_size: int
    files: Mapping[str, FileFacts]
    tables: Mapping[str, int]
    # Roles that have rights on something in the database, or give them by default.
    roles: tuple[str, ...] = ()
    # Rights on the database itself, and settings of its sessions, by role.
    rights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Encoding and sort order, to make a database like it.
    locale: Mapping[str, str] = field(default_factory=dict)
    # Why there is no snapshot of Redis, "" when there is one.
    redis_missing: str = ""
    # The newest migration of each app.
    migrations: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(self.tables.values())

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(facts.size for facts in self.files.values())


@dataclass(frozen=True, slots=True)
class Trial:
    """How a trial restore ended; ``error`` is "" when every table had its rows."""

    at: datetime
    seconds: float
    rows: int = 0
    error: str = ""
    # What was left out, such as an extension that this role may not make.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """One entry of the folder: made, or failed with its reason."""

    name: str
    path: Path
    state: State
    started: datetime
    size: int = 0
    error: str = ""
    manifest: Manifest | None = None
    trial: Trial | None = None

    @property
    def is_whole(self) -> bool:
        """Tell whether its files may be restored."""
        return self.state in {State.GOOD, State.UNTRIED, State.TRIAL_FAILED}

    def figures(self) -> dict[str, Any]:
        """Return the facts, ready for JSON; times are ISO 8601, sizes bytes."""
        figures: dict[str, Any] = {
            "name": self.name,
            "state": self.state.value,
            "started": self.started.isoformat(),
            "size": self.size,
            "error": self.error,
            "path": str(self.path),
        }
        if self.manifest is not None:
            figures |= {
                "seconds": round(
                    (self.manifest.finished - self.manifest.started).total_seconds(), 3
                ),
                "rows": self.manifest.rows,
                "tables": len(self.manifest.tables),
                "server": self.manifest.server,
                "compression": self.manifest.compression,
                "encrypted": bool(self.manifest.key),
                "redis": not self.manifest.redis_missing,
            }
        if self.trial is not None:
            figures["trial"] = {
                "at": self.trial.at.isoformat(),
                "seconds": round(self.trial.seconds, 3),
                "rows": self.trial.rows,
                "error": self.trial.error,
                "notes": list(self.trial.notes),
            }
        return figures


def nobody_listens(_title: str, _detail: str) -> None:
    """Take progress that nobody wants to see."""


def megabytes(size: float) -> str:
    """Return ``size`` bytes for a person: 1.2 MB, 3.40 GB."""
    if size >= 1000 * MEGABYTE:
        return f"{size / (1000 * MEGABYTE):,.2f} GB"
    if size >= 100_000:
        return f"{size / MEGABYTE:,.1f} MB"
    return f"{size / 1000:,.1f} kB"
