"""One moment of the database, held open for pg_dump, and its rows counted in it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from monitoring.backups.shapes import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.backups.servers import Server

# Partitions and ordinary tables; what belongs to an extension is the extension's.
TABLES: Final = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p'
AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
  AND d.classid = 'pg_class'::regclass)
ORDER BY c.relpages DESC, 1, 2
"""
ATTEMPTS: Final = 10

Table = tuple[str, str]


class Snapshot:
    """The moment: its id for pg_dump, and the counts of all tables."""

    def __init__(self, connection: psycopg.Connection, tables: list[Table]) -> None:
        """Export the moment of ``connection``, which is in a transaction."""
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        self.id = str(row[0]) if row else ""
        self.tables = tables
        self._connection = connection
        self._counts: dict[str, int] = {}
        self._error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._count, name="backup counts")
        self._thread.start()

    def counts(self) -> dict[str, int]:
        """Return the rows of each table, waiting for the last one."""
        self._thread.join()
        if self._error is not None:
            raise BackupError(
                f"The rows of the tables could not be counted: {self._error}"
            ) from self._error
        return self._counts

    def stop(self) -> None:
        """End the counting, whether it is done or not."""
        if self._thread.is_alive():
            with contextlib.suppress(psycopg.Error):
                self._connection.cancel()
        self._thread.join()

    def _count(self) -> None:
        try:
            self._counts = counts_of(self._connection, self.tables)
        except psycopg.Error as error:
            self._error = error


@contextlib.contextmanager
def snapshot(server: Server) -> Iterator[Snapshot]:
    """Hold one moment of the database; its tables cannot be dropped meanwhile."""
    with contextlib.closing(server.connect()) as connection:
        # It runs beside pg_dump and must not take the other processors as well.
        connection.execute("SET max_parallel_workers_per_gather = 0")
        tables = _locked_tables(connection)
        moment = Snapshot(connection, tables)
        try:
            yield moment
        finally:
            moment.stop()


def tables_of(connection: psycopg.Connection) -> list[Table]:
    """Return the tables that hold rows, the largest first."""
    return [(str(schema), str(name)) for schema, name in connection.execute(TABLES)]


def counts_of(connection: psycopg.Connection, tables: list[Table]) -> dict[str, int]:
    """Return the rows of each table by ``schema.name``."""
    counts = {}
    for schema, name in tables:
        query = sql.SQL("SELECT count(*) FROM ONLY {}").format(
            sql.Identifier(schema, name)
        )
        row = connection.execute(query).fetchone()
        counts[f"{schema}.{name}"] = int(row[0]) if row else 0
    return counts


def _locked_tables(connection: psycopg.Connection) -> list[Table]:
    """Begin a transaction and lock every table against being dropped."""
    for attempt in range(1, ATTEMPTS + 1):
        before = tables_of(connection)
        # LOCK takes no snapshot, so what commits while we wait for it is seen.
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL lock_timeout = '60s'")
        try:
            _lock(connection, before)
            # The moment is now: a month may have been made since the list was.
            tables = tables_of(connection)
            _lock(connection, sorted({*tables} - {*before}))
        except psycopg.errors.UndefinedTable:
            # A partition was dropped or got another name since the list was made.
            connection.execute("ROLLBACK")
            if attempt == ATTEMPTS:
                raise
        else:
            return tables
    return []


def _lock(connection: psycopg.Connection, tables: list[Table]) -> None:
    if tables:
        names = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
        text = sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE")
        connection.execute(text.format(names))
