"""Putting a restored database in the place of another, which is kept under a new name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from monitoring.backups.scratch import ATTEMPTS, PREFIX, sessions_end
from monitoring.backups.shapes import BackupError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NAME_BYTES: Final = 63
# They belong to the server; and we ourselves sit in the first while names are changed.
SERVERS_OWN: Final = ("postgres", "template0", "template1")


def name_check(name: str) -> None:
    """Raise BackupError for a name that no restored database may have."""
    if name in SERVERS_OWN or name.startswith(PREFIX):
        raise BackupError(
            f"{name} cannot be restored into: databases of that name are the server's or"
            " our own. Name another with --into, and in DATABASE_URL."
        )
    if len(name.encode()) > NAME_BYTES:
        raise BackupError(
            f"{name!r} has {len(name.encode())} bytes; the name of a database has at"
            f" most {NAME_BYTES}."
        )


def database_exists(connection: psycopg.Connection, name: str) -> bool:
    """Tell whether there is a database ``name``."""
    row = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
    return row.fetchone() is not None


def take_place(
    connection: psycopg.Connection, scratch: str, name: str, now: datetime
) -> str:
    """Rename the database ``scratch`` to ``name``; return where that one went, or "".

    Whoever uses one of them is cut off. Both get their names in one transaction, so
    there is a database ``name`` at every moment, whatever happens.
    """
    renames = {scratch: name}
    aside = ""
    if database_exists(connection, name):
        stamp = f"_before_{now:%Y%m%d%H%M%S}"
        # A name may be as long as a name can be.
        start = name.encode()[: NAME_BYTES - len(stamp)].decode(errors="ignore")
        aside = start + stamp
        renames = {name: aside, scratch: name}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _rename(connection, renames)
        except psycopg.errors.ObjectInUse as error:
            # Sessions come back by themselves, some just before the name was ours.
            if attempt == ATTEMPTS:
                raise _refusal(name, error) from error
        except psycopg.Error as error:
            raise _refusal(name, error) from error
        else:
            break
    return aside


def _rename(connection: psycopg.Connection, renames: Mapping[str, str]) -> None:
    sessions_end(connection, renames)
    with connection.transaction():
        for old, new in renames.items():
            statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(
                statement.format(sql.Identifier(old), sql.Identifier(new))
            )


def _refusal(name: str, error: psycopg.Error) -> BackupError:
    return BackupError(
        f"The database {name} cannot be replaced: {str(error).strip()}. Stop what uses"
        " it, or let its owner restore (BTCW_BACKUP_DATABASE_URL). Nothing was changed."
    )
