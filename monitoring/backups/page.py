"""Everything that the pages of the backups show."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import EncryptionError
from monitoring.backups import policy
from monitoring.backups.selectors import backups_list
from monitoring.backups.shapes import State
from monitoring.backups.words import word_of_state, words_of
from monitoring.database.sizes import database_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitoring.backups.shapes import Backup, FileFacts

TONES: Final = {
    State.GOOD: "ok",
    State.UNTRIED: "warning",
    State.TRIAL_FAILED: "error",
    State.DAMAGED: "error",
    State.FAILED: "error",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One backup of the list; ``seconds`` is how long it took, None for a failure."""

    backup: Backup
    label: str
    tone: str
    error: str
    rows: int | None
    seconds: float | None
    trial_seconds: float | None
    is_sealed: bool
    has_redis: bool


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that are free where backups lie, and that the next one needs."""

    free: int
    needed: int

    @property
    def is_short(self) -> bool:
        """Whether the next backup would be refused."""
        return self.free < self.needed


def list_shown(now: datetime, *, is_told: bool = True) -> dict[str, Any]:
    """Return the context of the list: ``lines``, ``troubles``, figures and ``data``.

    Without ``is_told`` nothing is said to be wrong: the folder is not the one in use.
    """
    backups = backups_list()
    past = policy.dated(backups, now)
    good = next((b for b in past if b.state is State.GOOD), None)
    whole = [b for b in backups if b.is_whole]
    lines = [_line(backup) for backup in backups]
    troubles = policy.troubles(backups, now) if is_told else []
    return {
        "lines": lines,
        "troubles": [words_of(each) for each in troubles],
        "good": good,
        "good_age": (now - good.started).total_seconds() if good else None,
        "good_is_old": good is not None and now - good.started > policy.OLDEST,
        "whole": len(whole),
        "size": sum(backup.size for backup in backups),
        "took": next((line for line in lines if line.seconds is not None), None),
        "room": _room(backups),
        "days_kept": settings.BACKUP_DAYS_KEPT,
        "seals": settings.BACKUP_ENCRYPT,
        "drawn": len(whole) > 1,
        "data": _drawn(list(reversed(whole)), now),
    }


def backup_shown(name: str) -> dict[str, Any] | None:
    """Return the context of one backup, None when there is none of that name."""
    named = [backup for backup in backups_list() if backup.name == name]
    if not named:
        return None
    # A failure may have been noted in the same second.
    backup = next((b for b in named if b.manifest is not None), named[0])
    manifest = backup.manifest
    tables = sorted(
        manifest.tables.items() if manifest else (),
        key=lambda each: (-each[1], each[0]),
    )
    return {
        "backup": backup,
        "line": _line(backup),
        "files": _files(backup),
        "tables": [(table, rows) for table, rows in tables if rows],
        "empty": [table for table, rows in tables if not rows],
        "key_is_missing": bool(manifest and manifest.key and not _knows(manifest.key)),
        "commands": commands_of(backup) if backup.is_whole else [],
        "migrations": sorted(manifest.migrations.items()) if manifest else [],
    }


def commands_of(backup: Backup) -> list[tuple[str, str]]:
    """Return ways to restore ``backup``: what each is for, and the command."""
    restore = [*_manage(), "restore", backup.name]
    return [
        (
            _("To look at it: into a new database beside the live one"),
            shlex.join([*restore, "--into", "look"]),
        ),
        (
            _("When the live database is gone, or has no tables"),
            shlex.join(restore),
        ),
        (
            _("In place of the live database, which is kept under another name"),
            shlex.join([*restore, "--yes-really"]),
        ),
    ]


def _manage() -> list[str]:
    """Return how manage.py is called from the folder that it lies in."""
    # Not resolved: an environment's python is a link to that of the system.
    python = Path(sys.executable)
    if python.is_relative_to(settings.BASE_DIR):
        python = python.relative_to(settings.BASE_DIR)
    return [str(python), "manage.py"]


def _line(backup: Backup) -> Line:
    manifest, trial = backup.manifest, backup.trial
    took = (manifest.finished - manifest.started).total_seconds() if manifest else None
    return Line(
        backup=backup,
        label=word_of_state(backup.state),
        tone=TONES[backup.state],
        error=_short(backup),
        rows=manifest.rows if manifest else None,
        seconds=took,
        trial_seconds=trial.seconds if trial else None,
        is_sealed=bool(manifest and manifest.key),
        has_redis=bool(manifest and not manifest.redis_missing),
    )


def _short(backup: Backup) -> str:
    """Return what is wrong, with the names of files as they are called in the folder."""
    return backup.error.replace(f"{backup.path.parent}/", "")


def _files(backup: Backup) -> Sequence[tuple[str, FileFacts]]:
    return sorted(backup.manifest.files.items()) if backup.manifest else ()


def _knows(key: str) -> bool:
    try:
        key_ring().derived(key, b"", b"known?")
    except EncryptionError:
        return False
    return True


def _room(backups: Sequence[Backup]) -> Room | None:
    """Return how much room there is; None when the folder or the database is away."""
    with contextlib.suppress(OSError, DatabaseError):
        free = shutil.disk_usage(settings.BACKUP_FOLDER).free
        return Room(free, policy.room_needed(backups, database_size()))
    return None


def _drawn(whole: Sequence[Backup], now: datetime) -> dict[str, Any]:
    """Return what the charts draw: columns by name, oldest first; bytes and seconds."""
    manifests = [b.manifest for b in whole if b.manifest is not None]
    first = whole[0].started.timestamp() if whole else now.timestamp()
    last = whole[-1].started.timestamp() if whole else now.timestamp()
    edge = max(3600.0, (last - first) * 0.03)
    return {
        "at": [round(b.started.timestamp()) for b in whole],
        "size": [b.size for b in whole],
        "rows": [m.rows for m in manifests],
        "took": [(m.finished - m.started).total_seconds() for m in manifests],
        "trial": [b.trial.seconds if b.trial else None for b in whole],
        "from": round(first - edge),
        "to": round(last + edge),
        "days": last - first > 2 * 86_400,
        "points": True,
        # As the commands count them.
        "thousand": 1000,
        "language": get_language() or "en",
        "zone": timezone.get_current_timezone_name(),
        "words": {
            "time": _("time"),
            "size": _("backup"),
            "rows": _("Rows"),
            "took": _("backup"),
            "trial": _("trial restore"),
        },
    }
