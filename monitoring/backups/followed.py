"""Backups and trials that a page can follow, as workers make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.backups.services import backup_make, backup_try
from monitoring.backups.shapes import BackupError, State
from monitoring.runs.following import BACKUP, followed

if TYPE_CHECKING:
    from monitoring.backups.shapes import Backup


def backup_followed(*, number: str = "", by: str = "") -> Backup:
    """Make a backup and restore it on trial; BackupError unless it is good.

    ``number`` is the run that ``by`` asked for, "" when nobody did.
    """
    with followed(BACKUP, "backup", number=number, by=by) as run:
        made = backup_make(say=run.say)
        run.name(made.name)
        _check(made)
    return made


def trial_followed(name: str, *, number: str = "", by: str = "") -> Backup:
    """Restore the backup ``name`` on trial; BackupError unless it is good."""
    with followed(BACKUP, "trial", number=number, by=by) as run:
        run.name(name)
        tried = backup_try(name, say=run.say)
        _check(tried)
    return tried


def _check(backup: Backup) -> None:
    if backup.state is not State.GOOD:
        raise BackupError(f"Backup {backup.name}: {backup.error}")
