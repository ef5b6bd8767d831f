"""Which statements cost the database most, from pg_stat_statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import Error as DatabaseError
from django.utils.translation import gettext as _
from psycopg import sql

from btc_watcher.lib.redaction import own_redactor
from monitoring.database.bounded import rows_read

if TYPE_CHECKING:
    from collections.abc import Collection

TEXT_LENGTH: Final = 2_000
HIDDEN: Final = "<insufficient privilege>"
# SQLSTATE: the library was not loaded when the server started.
NOT_LOADED, DENIED = "55000", "42501"
WHERE_IS_IT: Final = """
SELECT quote_ident(nspname) AS schema, extversion AS version
FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE extname = 'pg_stat_statements'
"""
COLUMNS: Final = """
SELECT attname AS name FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
STATEMENTS: Final = """
SELECT query, calls, {total} AS total_ms, {mean} AS mean_ms, {most} AS max_ms, rows,
    shared_blks_hit AS hit, shared_blks_read AS read, {reading} AS reading_ms,
    {total} / NULLIF(sum({total}) OVER (), 0) AS share
FROM {view}
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY {order} DESC LIMIT {limit}
"""
# The name of a figure, and under which it goes by version: newest first.
NAMES: Final = {
    "total": ("total_exec_time", "total_time"),
    "mean": ("mean_exec_time", "mean_time"),
    "most": ("max_exec_time", "max_time"),
    # PostgreSQL 17 tells shared blocks from local ones.
    "reading": ("shared_blk_read_time", "blk_read_time"),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, its constants replaced by $1, $2 …; times in milliseconds.

    ``share`` is its part of the time of all, ``hit`` of its blocks found in memory, 0 to
    1, None where it read none; ``reading_ms`` the time spent on reading blocks.
    """

    query: str
    calls: int
    total_ms: float
    mean_ms: float
    max_ms: float
    rows: int
    share: float
    hit: float | None
    reading_ms: float


@dataclass(frozen=True, slots=True)
class Statements:
    """The costliest statements; ``problem`` says why there are none, or not all."""

    rows: tuple[Statement, ...] = ()
    problem: str = ""


def statements_slow(*, by: str = "total", limit: int = 20) -> Statements:
    """Return the statements with the most time in all (``total``) or each (``mean``)."""
    try:
        found = rows_read(WHERE_IS_IT)
        if not found:
            return Statements(problem=_not_there())
        view = f"{found[0]['schema']}.pg_stat_statements"
        there = {row["name"] for row in rows_read(COLUMNS, [view])}
        rows = rows_read(_query(view, there, by, limit))
    except DatabaseError as error:
        return Statements(problem=_problem(error))
    shown = tuple(_statement(row) for row in rows if row["query"] != HIDDEN)
    hidden = len(rows) - len(shown)
    return Statements(shown, _not_permitted() if hidden else "")


def _query(view: str, there: Collection[str], by: str, limit: int) -> sql.Composed:
    names = {
        key: sql.SQL(next((name for name in known if name in there), "0::float"))
        for key, known in NAMES.items()
    }
    order = names["mean"] if by == "mean" else names["total"]
    return sql.SQL(STATEMENTS).format(
        **names,
        view=sql.SQL(view),
        order=order,
        limit=sql.Literal(limit),
    )


def _statement(row: dict[str, Any]) -> Statement:
    blocks = row["hit"] + row["read"]
    return Statement(
        query=own_redactor()(" ".join(str(row["query"] or "").split()))[:TEXT_LENGTH],
        calls=row["calls"],
        total_ms=float(row["total_ms"]),
        mean_ms=float(row["mean_ms"]),
        max_ms=float(row["max_ms"]),
        rows=row["rows"],
        share=float(row["share"] or 0),
        hit=row["hit"] / blocks if blocks else None,
        reading_ms=float(row["reading_ms"] or 0),
    )


def _problem(error: DatabaseError) -> str:
    state = getattr(error.__cause__, "sqlstate", None)
    if state == NOT_LOADED:
        return _(
            "The server was started without pg_stat_statements. Add it to"
            " shared_preload_libraries in postgresql.conf and restart PostgreSQL."
        )
    if state == DENIED:
        return _not_permitted()
    return _("The statistics of statements could not be read (%(error)s).") % {
        "error": type(error).__name__
    }


def _not_there() -> str:
    return _(
        "The extension pg_stat_statements is not in this database. A superuser makes it"
        " with: CREATE EXTENSION pg_stat_statements;"
    )


def _not_permitted() -> str:
    return _(
        "The database does not show this role the statements of others. A superuser"
        " allows it with: GRANT pg_read_all_stats TO the role of BTC Watcher;"
    )
