"""The statements of the intake, for one row or for thousands.

Few rows travel as one JSON text into one statement: quoting arrays of values takes the
driver longer than the server takes to store them. A candle close travels by COPY, which
costs the server less still, but knows no ON CONFLICT: rows that are there are looked up
before, and where somebody else stores one in this very moment the statement is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from btc_watcher.lib.copying import NULL, copying, json_field, text_field
from btc_watcher.lib.statements import rows_of
from signals_app.rows import Streak, moment_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import LiteralString
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
_TYPES = ", ".join(f"{name} {kind}" for name, kind in COLUMNS)
# Signals and the note for the ledger that they are there are stored by one statement:
# no crash can leave one without the other.
INSERT = f"""
WITH stored AS (
    INSERT INTO signals ({_NAMES})
    SELECT {_NAMES} FROM json_to_recordset(%s::json) AS row ({_TYPES})
    ON CONFLICT DO NOTHING RETURNING id
), noted AS (
    INSERT INTO outcome_arrivals (ids)
    SELECT array_agg(id) FROM stored HAVING count(*) > 0
)
SELECT id FROM stored
"""  # noqa: S608 - names and types are ours
COPY = f"COPY signals ({_NAMES}) FROM STDIN"
# In the transaction of the rows, as the one statement does.
NOTE = "INSERT INTO outcome_arrivals (ids) VALUES (%s::uuid[]) RETURNING id"
# The times are given as a list, so the planner touches only their partitions.
KNOWN = "SELECT id FROM signals WHERE timestamp = ANY(%s::timestamptz[])"
STREAKS = (
    "SELECT id, coalesce((metadata ->> 'streak')::integer, 1),"
    " coalesce((metadata ->> 'told')::boolean, false) FROM signals"
    " WHERE timestamp = ANY(%s::timestamptz[])"
)
BY_ID = "AND id = ANY(%s::uuid[])"
# From here on, reading a whole candle close is cheaper than looking up its parts.
CANDLE_CLOSE = 500
# From here on COPY is cheaper than one statement.
COPY_ROWS = 200
# Rows of one part of a COPY.
PART = 250


def rows_insert(rows: Sequence[Row]) -> set[UUID]:
    """Insert rows that are not there yet and return the ids of the new ones."""
    # In order of id: two intakes with the same rows wait for each other
    # instead of dead-locking.
    document = [row_values(row) for row in sorted(rows, key=lambda row: row.identifier)]
    found = rows_of(INSERT, [orjson.dumps(document).decode()])
    return {identifier for (identifier,) in found}


def rows_copy(rows: Sequence[Row], meanwhile: Callable[[Sequence[Row]], None]) -> bool:
    """Store rows none of which is there; False, and none stored, where one is.

    ``meanwhile`` is called with parts of ``rows``, in their order, while the server
    stores others.
    """
    # In order of id, as by the other way.
    ordered = sorted(rows, key=lambda row: row.identifier.int)
    try:
        with transaction.atomic():
            with copying(COPY) as write:
                for start in range(0, len(rows), PART):
                    write(map(_line, ordered[start : start + PART]))
                    meanwhile(rows[start : start + PART])
            ids = ",".join(row.id_text for row in ordered)
            rows_of(NOTE, [f"{{{ids}}}"])
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            return False
        raise
    return True


def rows_known(rows: Sequence[Row]) -> set[UUID]:
    """Return the ids of those rows that are there already."""
    moments = list({row.candidate.timestamp for row in rows})
    return {found for (found,) in _found(KNOWN, moments, [r.identifier for r in rows])}


def streaks_select(candidates: Sequence[Candidate]) -> dict[UUID, Streak]:
    """Return the stored streaks of the same marks one candle earlier, by id."""
    previous = [candidate.previous for candidate in candidates]
    moments = list({candidate.previous_timestamp for candidate in candidates})
    found = _found(STREAKS, moments, previous)
    return {identifier: Streak(length, told) for identifier, length, told in found}


def _found(
    sql: LiteralString, moments: list[datetime], ids: list[UUID]
) -> list[tuple[Any, ...]]:
    if len(moments) == 1 and len(ids) >= CANDLE_CLOSE:
        return rows_of(sql, [moments])
    return rows_of(f"{sql} {BY_ID}", [moments, ids])


def row_values(row: Row) -> dict[str, object]:
    """Return the columns of a row."""
    candidate = row.candidate
    return {
        "id": row.identifier,
        "timestamp": candidate.timestamp,
        "strategy_id": candidate.strategy_id,
        "strategy_name": candidate.strategy_name,
        "strategy_version": candidate.strategy_version,
        "pair": candidate.pair,
        "exchange": candidate.exchange,
        "timeframe": candidate.timeframe,
        "signal_type": candidate.signal_type,
        "strength_raw": candidate.strength,
        "strength_level": row.grade.level,
        "priority": row.grade.priority,
        "price": candidate.price,
        "indicators": candidate.indicators,
        "metadata": row.metadata,
    }


def _line(row: Row) -> str:
    """Return a row as a line of COPY, in the order of COLUMNS."""
    candidate = row.candidate
    fields = (
        row.id_text,
        moment_text(candidate.timestamp),
        NULL if candidate.strategy_id is None else str(candidate.strategy_id),
        text_field(candidate.strategy_name),
        text_field(candidate.strategy_version),
        text_field(candidate.pair),
        text_field(candidate.exchange),
        candidate.timeframe,
        candidate.signal_type,
        str(candidate.strength),
        row.grade.level,
        row.grade.priority,
        str(candidate.price),
        json_field(orjson.dumps(candidate.indicators).decode()),
        json_field(orjson.dumps(row.metadata).decode()),
    )
    return "\t".join(fields) + "\n"
