"""How large tables and their partitions are, and what lies in the safety nets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from btc_watcher.lib.partitions import TABLES
from monitoring.database.bounded import rows_read

if TYPE_CHECKING:
    from collections.abc import Sequence

STRAYS_COUNTED: Final = 10_000
BOUND: Final = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")
# To measure a table is to wait for its lock, so of a locked one the last known number of
# pages is told, without its indexes. One that is dropped meanwhile has no size.
SIZES: Final = """
SELECT c.relname AS name, parent.relname AS parent, c.relkind = 'p' AS is_cut,
    GREATEST(c.reltuples, 0)::bigint AS rows,
    CASE WHEN c.relkind = 'p' THEN 0
        WHEN locked.relation IS NOT NULL THEN c.relpages::bigint * 8192
        ELSE COALESCE(pg_table_size(c.oid), 0) END AS heap,
    CASE WHEN c.relkind = 'p' OR locked.relation IS NOT NULL THEN 0
        ELSE COALESCE(pg_indexes_size(c.oid), 0) END AS indexes,
    pg_get_expr(c.relpartbound, c.oid) AS bound,
    COALESCE(s.n_dead_tup, 0) AS dead,
    GREATEST(s.last_vacuum, s.last_autovacuum) AS vacuumed
FROM pg_class c
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_class parent ON parent.oid = i.inhparent
LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
LEFT JOIN (SELECT DISTINCT relation FROM pg_locks
    WHERE mode = 'AccessExclusiveLock' AND granted AND pid <> pg_backend_pid()) AS locked
    ON locked.relation = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname
"""


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a table: from its first moment to before its last; None for DEFAULT.

    ``rows`` is PostgreSQL's estimate; sizes are bytes.
    """

    name: str
    rows: int
    heap: int
    indexes: int
    start: datetime | None
    end: datetime | None

    @property
    def size(self) -> int:
        """Bytes with indexes."""
        return self.heap + self.indexes


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its partitions, oldest first; its figures are those of all of them."""

    name: str
    rows: int
    heap: int
    indexes: int
    dead: int
    vacuumed: datetime | None
    partitions: tuple[Partition, ...] = ()

    @property
    def size(self) -> int:
        """Bytes with indexes."""
        return self.heap + self.indexes


def tables_sized() -> list[Table]:
    """Return every table of ours, the largest first."""
    rows = rows_read(SIZES)
    tops = [row for row in rows if row["parent"] is None]
    tables = [
        _table(top, [row for row in rows if row["parent"] == top["name"]])
        for top in tops
    ]
    return sorted(tables, key=lambda each: (-each.size, each.name))


def database_size() -> int:
    """Return the bytes of the whole database."""
    (row,) = rows_read("SELECT pg_database_size(current_database()) AS size")
    return int(row["size"])


def strays_counted() -> dict[str, int]:
    """Return the rows in the safety net of each monthly table, at most STRAYS_COUNTED."""
    found = {}
    for table in TABLES:
        query = sql.SQL(
            "SELECT count(*) AS rows FROM (SELECT FROM {} LIMIT {}) AS strays"
        ).format(sql.Identifier(table.default), sql.Literal(STRAYS_COUNTED))
        found[table.name] = int(rows_read(query)[0]["rows"])
    return found


def strays_shown(rows: int) -> str:
    """Return what ``strays_counted`` found as people read it; it counts no further."""
    return f"{rows:,}+" if rows >= STRAYS_COUNTED else f"{rows:,}"


def _table(top: dict[str, Any], children: Sequence[dict[str, Any]]) -> Table:
    every = [top, *children]
    # The top of a cut table counts its parts too, once it was analysed.
    counted = children if top["is_cut"] else [top]
    moments = [row["vacuumed"] for row in every if row["vacuumed"]]
    return Table(
        name=top["name"],
        rows=sum(row["rows"] for row in counted),
        heap=sum(row["heap"] for row in every),
        indexes=sum(row["indexes"] for row in every),
        dead=sum(row["dead"] for row in every),
        vacuumed=max(moments, default=None),
        partitions=tuple(_partition(row) for row in children),
    )


def _partition(row: dict[str, Any]) -> Partition:
    found = BOUND.search(row["bound"] or "")
    start, end = (_moment(each) for each in found.groups()) if found else (None, None)
    return Partition(row["name"], row["rows"], row["heap"], row["indexes"], start, end)


def _moment(text: str) -> datetime | None:
    try:
        # PostgreSQL writes +00, which Python reads from 3.11 on.
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
