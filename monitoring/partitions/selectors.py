"""What partitions there are, for a page: range, size, rows, state. Cheap and bounded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from psycopg import sql

from btc_watcher.lib.partitions import TABLES, MonthlyTable, month_start
from monitoring.partitions.counting import counting

if TYPE_CHECKING:
    from datetime import datetime

ACTIVE: Final = "active"  # a month that rows go to
AHEAD: Final = "ahead"  # made for a month that has not begun
DEFAULT: Final = "default"  # the safety net
PENDING: Final = "pending"  # in the middle of an interrupted concurrent detach
KEPT: Final = "kept"  # detached, kept as a table of its own
GOING: Final = "going"  # detached; the next rotation drops it

# Detached months are recognised by their names. To measure a table is to wait for its
# lock, so of a locked one the last known number of pages is told. Rows that came since
# the last ANALYZE are in the statistics. One that is dropped meanwhile has no size.
PARTITIONS: Final = """
WITH parts AS (
    SELECT c.oid, c.relname, c.relpages, coalesce(inhdetachpending, false) AS pending,
        inhparent IS NOT NULL AS attached, reltuples < 0 AS unknown,
        GREATEST(c.reltuples::bigint, pg_stat_get_live_tuples(c.oid), 0) AS rows,
        EXISTS (SELECT FROM pg_locks WHERE relation = c.oid AND granted
            AND mode = 'AccessExclusiveLock' AND pid <> pg_backend_pid()) AS locked
    FROM pg_class c
    LEFT JOIN pg_inherits ON inhrelid = c.oid AND inhparent = %(table)s::regclass
    WHERE relkind = 'r' AND (inhparent IS NOT NULL OR relname ~ %(detached)s)
    AND relnamespace = (SELECT relnamespace FROM pg_class
        WHERE oid = %(table)s::regclass)
)
SELECT relname,
    CASE WHEN unknown AND rows = 0 AND (locked OR pg_relation_size(oid) > 0)
        THEN NULL ELSE rows END,
    CASE WHEN locked THEN relpages::bigint * 8192
        ELSE coalesce(pg_total_relation_size(oid), 0) END,
    CASE WHEN locked THEN 0 ELSE coalesce(pg_indexes_size(oid), 0) END,
    pending, attached
FROM parts
"""


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """One partition: half-open range of months (UTC), size in bytes with its indexes.

    ``rows`` is PostgreSQL's estimate, None while it has none; ``indexes`` are bytes, and
    part of ``bytes``.
    """

    table: str
    name: str
    first: date | None
    end: date | None
    state: str
    rows: int | None
    bytes: int
    indexes: int = 0

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look: rows in the safety net, an unfinished detach."""
        held = self.state == DEFAULT and bool(self.rows)
        return held or self.state in (PENDING, GOING)


def partitions_list(now: datetime) -> list[PartitionFacts]:
    """Return every partition and detached month of every monthly table, newest first."""
    facts = [fact for table in TABLES for fact in _of_table(table, now)]
    return sorted(facts, key=lambda f: (f.table, f.first is None, f.name), reverse=True)


def partition_facts(name: str, now: datetime) -> PartitionFacts | None:
    """Return what is known of one partition, None when there is none."""
    return next((fact for fact in partitions_list(now) if fact.name == name), None)


def partition_rows(name: str, now: datetime) -> int | None:
    """Count the rows of the partition ``name`` exactly; None when there is none.

    Reads the whole partition: raises CountingBusyError while another is counted, and
    CountingSlowError when it takes too long.
    """
    if partition_facts(name, now) is None:
        return None
    with counting() as cursor:
        text = sql.SQL("SELECT count(*) FROM {}")
        cursor.execute(text.format(sql.Identifier(name)))
        (rows,) = cursor.fetchone() or (0,)
    return int(rows)


def _of_table(table: MonthlyTable, now: datetime) -> list[PartitionFacts]:
    with connection.cursor() as cursor:
        cursor.execute(
            PARTITIONS,
            {
                "table": table.name,
                "detached": rf"^{table.name}_(\d{{4}}_\d{{2}}|default)_(kept|going)",
            },
        )
        return [_facts(table, row, now) for row in cursor.fetchall()]


def _facts(table: MonthlyTable, row: tuple[Any, ...], now: datetime) -> PartitionFacts:
    name, estimate, size, indexes, pending, attached = row
    first = _month(name.removeprefix(f"{table.name}_"))
    return PartitionFacts(
        table=table.name,
        name=name,
        first=first,
        end=None if first is None else month_start(first, 1),
        state=_state(name, first, now, pending=pending, attached=attached),
        rows=estimate,
        bytes=size,
        indexes=indexes,
    )


def _month(ending: str) -> date | None:
    year, _line, month = ending[:7].partition("_")
    try:
        return date(int(year), int(month), 1)
    except ValueError:
        # A name that somebody else has given.
        return None


def _state(
    name: str, first: date | None, now: datetime, *, pending: bool, attached: bool
) -> str:
    if not attached:
        return KEPT if "_kept" in name else GOING
    if pending:
        return PENDING
    if first is None:
        return DEFAULT
    return AHEAD if first > month_start(now) else ACTIVE
