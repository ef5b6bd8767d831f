"""Databases that are made to be filled from a backup, and dropped whatever happens.

Whoever fills one holds an advisory lock by its name in a session of its own. When that
process dies the session ends with it, and the next round sees that the lock is free.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import secrets
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from btc_watcher.lib.locks import SCRATCH_DATABASE
from monitoring.backups.shapes import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitoring.backups.servers import Server

logger = logging.getLogger(__name__)

# PostgreSQL itself waits for five seconds in each, and lets nobody in meanwhile.
ATTEMPTS: Final = 10
PREFIX: Final = "btcw_scratch_"
OURS: Final = (
    "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
    " AND pg_has_role(current_user, datdba, 'USAGE')"
)
LOCALE_WORDS: Final = (
    "ENCODING",
    "LC_COLLATE",
    "LC_CTYPE",
    "LOCALE_PROVIDER",
    "ICU_LOCALE",
    "BUILTIN_LOCALE",
)
# Anything in a schema of its own or in public that no extension has brought.
STRANGERS: Final = """
SELECT EXISTS (
  SELECT FROM (
    SELECT oid, 'pg_class'::regclass AS kind, relnamespace AS schema FROM pg_class
    UNION ALL SELECT oid, 'pg_proc'::regclass, pronamespace FROM pg_proc
    UNION ALL SELECT oid, 'pg_type'::regclass, typnamespace FROM pg_type
  ) x JOIN pg_namespace n ON n.oid = x.schema
  WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = x.kind AND d.objid = x.oid AND d.deptype IN ('e', 'i'))
) OR EXISTS (SELECT FROM pg_namespace
  WHERE nspname NOT IN ('public', 'information_schema') AND nspname !~ '^pg_')
"""


@contextlib.contextmanager
def scratch_database(server: Server, locale: Mapping[str, str]) -> Iterator[str]:
    """Give the name of an empty database, dropped at the end unless it was renamed."""
    name = f"{scratch_prefix(server.database)}{secrets.token_hex(8)}"
    with contextlib.closing(server.maintenance()) as connection:
        lock = SCRATCH_DATABASE.of(name)
        connection.execute(lock.take(wait=True, session=True), lock.values)
        try:
            _create(server, connection, name, locale)
            yield name
        finally:
            _drop_surely(server, connection, name)


def scratch_prefix(database: str) -> str:
    """Return how names begin that are made for ``database``: several share a server."""
    return f"{PREFIX}{hashlib.sha256(database.encode()).hexdigest()[:8]}_"


def scratch_sweep(server: Server) -> list[str]:
    """Drop the databases that dead processes left; return their names."""
    dropped = []
    with contextlib.closing(server.maintenance()) as connection:
        names = [str(name) for (name,) in connection.execute(OURS, [PREFIX])]
        for name in names:
            lock = SCRATCH_DATABASE.of(name)
            attempt = lock.take(wait=False, session=True)
            if connection.execute(attempt, lock.values).fetchone() == (True,):
                database_drop(connection, name)
                connection.execute(lock.give_back(), lock.values)
                dropped.append(name)
    return dropped


def locale_of(connection: psycopg.Connection) -> dict[str, str]:
    """Return encoding and sort order of the database, as CREATE DATABASE calls them."""
    row = connection.execute(
        "SELECT pg_encoding_to_char(encoding), datlocprovider::text, datcollate, datctype,"
        " coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '')"
        " FROM pg_database d WHERE datname = current_database()"
    ).fetchone()
    if row is None:
        return {}
    encoding, provider, collate, ctype, locale = map(str, row)
    words = {"ENCODING": encoding, "LC_COLLATE": collate, "LC_CTYPE": ctype}
    if provider == "i":
        words |= {"LOCALE_PROVIDER": "icu", "ICU_LOCALE": locale}
    elif provider == "b":
        words |= {"LOCALE_PROVIDER": "builtin", "BUILTIN_LOCALE": locale}
    return words


def _create(
    server: Server, connection: psycopg.Connection, name: str, locale: Mapping[str, str]
) -> None:
    try:
        if not (_template_is_clean(server) and _like_new(connection, name, locale)):
            _from_nothing(connection, name, locale)
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(
            f"The role {connection.info.user} may not make databases, and a restore"
            " needs one. Grant it (ALTER ROLE … CREATEDB), or name a role that may in"
            " BTCW_BACKUP_DATABASE_URL."
        ) from error
    except psycopg.Error as error:
        raise BackupError(
            f"A database to restore into could not be made: {str(error).strip()}"
        ) from error


def _template_is_clean(server: Server) -> bool:
    """Tell whether template1 holds extensions at most, so that nothing is in the way."""
    try:
        with contextlib.closing(server.connect("template1")) as connection:
            return connection.execute(STRANGERS).fetchone() == (False,)
    except (BackupError, psycopg.Error):
        return False


def _like_new(
    connection: psycopg.Connection, name: str, locale: Mapping[str, str]
) -> bool:
    """Make the database from template1: with extensions that this role may not make."""
    try:
        connection.execute(_statement(name, "template1", locale))
    except psycopg.errors.InsufficientPrivilege:
        raise
    except psycopg.Error:
        # It is in use, or has another locale.
        return False
    return True


def _from_nothing(
    connection: psycopg.Connection, name: str, locale: Mapping[str, str]
) -> None:
    try:
        connection.execute(_statement(name, "template0", locale))
    except (
        psycopg.errors.SyntaxError,
        psycopg.errors.WrongObjectType,
        psycopg.errors.InvalidParameterValue,
        psycopg.errors.InvalidObjectDefinition,
    ):
        # Another version of PostgreSQL, which has no such order: its own then.
        encoding = {"ENCODING": locale.get("ENCODING", "UTF8")}
        connection.execute(_statement(name, "template0", encoding))


def _statement(name: str, template: str, locale: Mapping[str, str]) -> sql.Composed:
    make = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    words = [
        sql.SQL("{} {}").format(sql.SQL(word), sql.Literal(value))
        for word, value in locale.items()
        if word in LOCALE_WORDS
    ]
    return sql.SQL(" ").join([make, *words])


def sessions_end(connection: psycopg.Connection, names: Iterable[str]) -> None:
    """End the sessions in these databases; BackupError for those of other roles."""
    try:
        # What has no user is autovacuum, which only the server itself may end: it does
        # when a database is dropped or renamed, but not with DROP … (FORCE).
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = ANY (%s) AND pid <> pg_backend_pid()"
            " AND usesysid IS NOT NULL",
            [list(names)],
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(
            f"Sessions of another role use {', '.join(names)} and cannot be ended by"
            f" {connection.info.user}. End them first."
        ) from error


def database_drop(connection: psycopg.Connection, name: str) -> None:
    """Drop a database, whoever uses it; psycopg.Error or BackupError when it stays."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    for attempt in range(1, ATTEMPTS + 1):
        sessions_end(connection, [name])
        try:
            connection.execute(statement)
        except psycopg.errors.ObjectInUse:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def _drop_surely(server: Server, connection: psycopg.Connection, name: str) -> None:
    """Drop, by another session when ours was lost; what remains is for the sweep."""
    try:
        if connection.closed or connection.broken:
            with contextlib.closing(server.maintenance()) as other:
                database_drop(other, name)
        else:
            database_drop(connection, name)
    except (psycopg.Error, BackupError):
        logger.warning("The scratch database %s is left for the next round.", name)
