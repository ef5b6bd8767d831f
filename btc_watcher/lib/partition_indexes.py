"""Indexes for tables that are cut by month, made without holding up those who write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

WITHOUT = """
SELECT child.relname, (
    SELECT NOT indisvalid FROM pg_index JOIN pg_class own ON own.oid = indexrelid
    WHERE indrelid = child.oid AND own.relname = child.relname || %(suffix)s
)
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = %(table)s::regclass AND NOT EXISTS (
    SELECT FROM pg_inherits attached
    JOIN pg_index ON indexrelid = attached.inhrelid AND indrelid = child.oid
    WHERE attached.inhparent = %(index)s::regclass
)
ORDER BY child.relname DESC
"""
CREATE = "CREATE INDEX CONCURRENTLY IF NOT EXISTS {own} ON {partition} "


def index_make(
    connection: BaseDatabaseWrapper, *, table: str, name: str, on: str
) -> None:
    """Make the index ``name`` on ``table`` and each of its partitions; ``on`` says what.

    PostgreSQL makes no index of a partitioned table concurrently, but one of each
    partition, which is then attached. Call it outside a transaction. Killed at any
    point it goes on where it was when it is called again. A partition that comes
    meanwhile has the index from its beginning.
    """
    with connection.cursor() as cursor:
        # A month of millions of rows takes longer than a statement of a page may.
        cursor.execute("SET statement_timeout = 0")
        try:
            _run(
                cursor,
                "CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} ",
                on,
                {
                    "name": name,
                    "table": table,
                },
            )
            suffix = f"_{name.removeprefix('idx_').removeprefix(f'{table}_')}"
            parameters = {"table": table, "index": name, "suffix": suffix}
            cursor.execute(WITHOUT, parameters)
            for partition, is_broken in cursor.fetchall():
                own = f"{partition}{suffix}"
                names = {"partition": partition, "own": own, "name": name}
                if is_broken:
                    _run(cursor, "DROP INDEX CONCURRENTLY {own}", "", names)
                _run(cursor, CREATE, on, names)
                _run(cursor, "ALTER INDEX {name} ATTACH PARTITION {own}", "", names)
        finally:
            cursor.execute("RESET statement_timeout")


def _run(cursor: CursorWrapper, text: str, on: str, names: dict[str, str]) -> None:
    identifiers = {key: sql.Identifier(value) for key, value in names.items()}
    statement = sql.SQL(text).format(**identifiers) + sql.SQL(on)
    cursor.execute(statement)
