"""The two statements of the intake, for thousands of rows at a time.

All rows travel as one JSON text: quoting arrays of thousands of values takes the
driver longer than the server takes to store them, and COPY knows no ON CONFLICT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from btc_watcher.lib.statements import rows_of
from signals_app.rows import Streak

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
# The times are given as a list, so the planner touches only their partitions.
STREAKS = (
    "SELECT id, coalesce((metadata ->> 'streak')::integer, 1),"
    " coalesce((metadata ->> 'told')::boolean, false) FROM signals"
    " WHERE timestamp = ANY(%s::timestamptz[])"
)
STREAKS_BY_ID = f"{STREAKS} AND id = ANY(%s::uuid[])"
# From here on, reading a whole candle close is cheaper than looking up its parts.
CANDLE_CLOSE = 500


def rows_insert(rows: Sequence[Row]) -> set[UUID]:
    """Insert rows that are not there yet and return the ids of the new ones."""
    # In order of id: two intakes with the same rows wait for each other
    # instead of dead-locking.
    document = [row_values(row) for row in sorted(rows, key=lambda row: row.identifier)]
    found = rows_of(INSERT, [orjson.dumps(document).decode()])
    return {identifier for (identifier,) in found}


def streaks_select(candidates: Sequence[Candidate]) -> dict[UUID, Streak]:
    """Return the stored streaks of the same marks one candle earlier, by id."""
    previous = {candidate.previous for candidate in candidates}
    moments = list({candidate.previous_timestamp for candidate in candidates})
    if len(moments) == 1 and len(previous) >= CANDLE_CLOSE:
        found = rows_of(STREAKS, [moments])
    else:
        found = rows_of(STREAKS_BY_ID, [moments, list(previous)])
    return {identifier: Streak(length, told) for identifier, length, told in found}


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
