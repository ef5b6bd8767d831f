"""The trial of a backup: restored into a database of its own, every table counted."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import psycopg
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.backups.restoring import files_verify, fill
from monitoring.backups.scratch import scratch_database
from monitoring.backups.shapes import BackupError, Trial, megabytes

if TYPE_CHECKING:
    from monitoring.backups.servers import Server
    from monitoring.backups.shapes import Manifest, Say

LOCAL: Final = {"127.0.0.1", "::1", "localhost", ""}
# Indexes are built anew, which is smaller, and sorted on the disk, which is not.
ROOM: Final = 1.2


def trial_run(server: Server, path: Path, manifest: Manifest, say: Say) -> Trial:
    """Restore the backup at ``path`` into a scratch database, and drop that again."""
    at = timezone.now()
    started = time.monotonic()
    error = ""
    notes: tuple[str, ...] = ()
    try:
        files_verify(path, manifest, say)
        room_check(server, manifest)
        say(_("Making a database to restore into"), "")
        with scratch_database(server, manifest.locale) as name:
            notes = fill(server, path, manifest, name, say, rights=False)
    except (BtcWatcherError, psycopg.Error, OSError) as failure:
        error = str(failure).strip() or type(failure).__name__
    seconds = time.monotonic() - started
    return Trial(at, seconds, 0 if error else manifest.rows, error, notes)


def room_check(server: Server, manifest: Manifest) -> None:
    """Raise BackupError when the database would not fit a second time.

    It can be told only for a server on this machine that says where its files are.
    """
    if server.parameters.get("host", "") not in LOCAL:
        return
    with contextlib.closing(server.maintenance()) as connection:
        try:
            row = connection.execute("SHOW data_directory").fetchone()
            free = psutil.disk_usage(str(Path(str(row[0])))).free if row else None
        except (psycopg.Error, OSError):
            return
    needed = int(manifest.database_size * ROOM)
    if free is not None and free < needed:
        raise BackupError(
            f"Restoring needs {megabytes(needed)} on the disk of the database, and"
            f" {megabytes(free)} are free. Free some space."
        )
