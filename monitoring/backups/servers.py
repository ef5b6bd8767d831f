"""The PostgreSQL that is backed up, as psycopg and PostgreSQL's own programs reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from monitoring.backups.shapes import BackupError

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION: Final = "btc_watcher backup"
# The words of a connection string that matter here, and the variable of each.
VARIABLES: Final = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}
# A count or the building of an index may take as long as it takes.
OPTIONS: Final = (
    "-c statement_timeout=0 -c lock_timeout=0 -c jit=off"
    " -c idle_in_transaction_session_timeout=0"
)
FOR_PROGRAMS: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Server:
    """Where the database is and who asks; ``parameters`` are libpq's words."""

    parameters: Mapping[str, str]
    database: str

    def connect(self, database: str = "") -> psycopg.Connection:
        """Return a new connection in autocommit; BackupError when there is none."""
        try:
            return psycopg.connect(
                **self.parameters,  # type: ignore[arg-type]
                dbname=database or self.database,
                autocommit=True,
                application_name=APPLICATION,
                connect_timeout=10,
                options=OPTIONS,
            )
        except psycopg.Error as error:
            raise BackupError(
                f"The database {database or self.database} cannot be reached:"
                f" {str(error).strip()}"
            ) from error

    def maintenance(self) -> psycopg.Connection:
        """Return a connection to a database that is not the one at stake."""
        try:
            return self.connect("postgres")
        except BackupError:
            return self.connect()

    def environment(self, database: str = "", options: str = "") -> dict[str, str]:
        """Return the whole environment of a child: it holds the password, argv never.

        ``options`` are settings of the session, such as ``-c work_mem=1MB``.
        """
        return {
            **FOR_PROGRAMS,
            **{VARIABLES[word]: value for word, value in self.parameters.items()},
            "PGDATABASE": database or self.database,
            "PGAPPNAME": APPLICATION,
            "PGCONNECT_TIMEOUT": "10",
            "PGOPTIONS": f"{OPTIONS} {options}".strip(),
        }


def server_of_backups() -> Server:
    """Return the database of the application, or what BACKUP_DATABASE says instead."""
    found: dict[str, Any] = (
        settings.BACKUP_DATABASE or connections[DEFAULT_DB_ALIAS].settings_dict
    )
    words = {name.lower(): found.get(name) for name in ("HOST", "PORT", "USER")}
    words["password"] = found.get("PASSWORD")
    words |= {k: v for k, v in found.get("OPTIONS", {}).items() if k in VARIABLES}
    given = {word: str(value) for word, value in words.items() if value}
    return Server(given, str(found["NAME"]))


def version_of(connection: psycopg.Connection) -> tuple[int, str]:
    """Return the major version of the server, and the version for a person."""
    number = connection.info.server_version
    return number // 10_000, f"{number // 10_000}.{number % 10_000}"
