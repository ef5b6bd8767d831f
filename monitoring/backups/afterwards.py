"""What follows from a restore, and what is left for a person to do."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import psycopg
from django.db.migrations.loader import MigrationLoader

from accounts.cache import sessions_forget
from freqtrade_mgmt.leases.restored import (
    nodes_in_backup,
    own_node_stop,
    release_command,
)
from monitoring.backups.shapes import BackupError

if TYPE_CHECKING:
    from monitoring.backups.servers import Server
    from monitoring.backups.shapes import Manifest

logger = logging.getLogger(__name__)


def versions_differ(manifest: Manifest) -> list[str]:
    """Tell when this version of the system and the backup do not belong together."""
    newest: dict[str, str] = {}
    for app, name in MigrationLoader(None).disk_migrations:
        newest[app] = max(name, newest.get(app, ""))
    saved = {app: name for app, name in manifest.migrations.items() if app in newest}
    if any(name > newest[app] for app, name in saved.items()):
        return ["A newer version of BTC Watcher made this backup: run that one."]
    if saved and saved != newest:
        return ["An older version made this backup: run manage.py migrate."]
    return []


def live_replaced(server: Server) -> list[str]:
    """End what lasts beside the database, and return what a person has to know or do."""
    sessions_forget()
    try:
        with contextlib.closing(server.connect()) as connection:
            own_node_stop(connection)
            held = nodes_in_backup(connection)
    except (BackupError, psycopg.Error) as error:
        logger.warning("What waits for other machines was not found out: %s", error)
        return []
    return [
        f"Strategies ({count}) belong to the machine {name} in this backup, and nobody"
        f" else starts them. If {name} is gone for good, or this is the same machine by"
        f" another name, run: {release_command(name)}"
        for name, count in held.items()
    ]
