"""The two statements of the intake, for thousands of rows at a time.

One INSERT from arrays is several times faster than a row at a time, and unlike
COPY it takes ON CONFLICT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from signals_app.candidates import Candidate
    from signals_app.rows import Row

COLUMNS = (
    ("id", "uuid"),
    ("timestamp", "timestamptz"),
    ("strategy_id", "integer"),
    ("strategy_name", "text"),
    ("strategy_version", "text"),
    ("pair", "text"),
    ("exchange", "text"),
    ("timeframe", "text"),
    ("signal_type", "text"),
    ("strength_raw", "numeric"),
    ("strength_level", "text"),
    ("priority", "text"),
    ("price", "numeric"),
    ("indicators", "jsonb"),
    ("metadata", "jsonb"),
)
_NAMES = ", ".join(name for name, _ in COLUMNS)
_ARRAYS = ", ".join(f"%s::{kind}[]" for _, kind in COLUMNS)
INSERT = (
    f"INSERT INTO signals ({_NAMES}) SELECT * FROM unnest({_ARRAYS})"  # noqa: S608 - names are ours
    " ON CONFLICT DO NOTHING RETURNING id"
)
# Both columns are given as lists, so the planner touches only their partitions.
STREAKS = (
    "SELECT id, (metadata ->> 'streak')::integer FROM signals"
    " WHERE timestamp = ANY(%s::timestamptz[]) AND id = ANY(%s::uuid[])"
)


def rows_insert(rows: Sequence[Row]) -> set[UUID]:
    """Insert rows that are not there yet and return the ids of the new ones."""
    # In order of id: two intakes with the same rows wait for each other
    # instead of dead-locking.
    values = [_values(row) for row in sorted(rows, key=lambda row: row.identifier)]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [list(column) for column in zip(*values, strict=True)])
        return {identifier for (identifier,) in cursor.fetchall()}


def streaks_select(candidates: Sequence[Candidate]) -> dict[UUID, int]:
    """Return the stored streaks of the same marks one candle earlier, by id."""
    previous = {candidate.previous() for candidate in candidates}
    moments = {candidate.previous_timestamp for candidate in candidates}
    with connection.cursor() as cursor:
        cursor.execute(STREAKS, [list(moments), list(previous)])
        return {identifier: streak or 1 for identifier, streak in cursor.fetchall()}


def _values(row: Row) -> tuple[object, ...]:
    candidate = row.candidate
    return (
        row.identifier,
        candidate.timestamp,
        candidate.strategy_id,
        candidate.strategy_name,
        candidate.strategy_version,
        candidate.pair,
        candidate.exchange,
        candidate.timeframe,
        candidate.signal_type,
        candidate.strength,
        row.grade.level,
        row.grade.priority,
        candidate.price,
        orjson.dumps(candidate.indicators).decode(),
        orjson.dumps(row.metadata).decode(),
    )
