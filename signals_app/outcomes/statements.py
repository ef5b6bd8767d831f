"""The statements of the ledger. Rows travel as one JSON text, as in the intake."""

from __future__ import annotations

from typing import Final

from btc_watcher.lib.timeframes import SECONDS
from signals_app.outcomes.judging import HORIZONS, LONGEST
from signals_app.outcomes.spread import spread_sql

_COPY: Final = (
    ("id", "uuid"),
    ("timestamp", "timestamptz"),
    ("strategy_id", "integer"),
    ("strategy_name", "text"),
    ("exchange", "text"),
    ("pair", "text"),
    ("timeframe", "text"),
    ("signal_type", "text"),
    ("strength_level", "text"),
    ("is_exit", "boolean"),
    ("price", "double precision"),
)
COPIED: Final = ", ".join(name for name, _ in _COPY)
_LOOK: Final = ("price", "move", "best", "worst")
_ROW: Final = (
    *_COPY,
    ("state", "text"),
    ("reason", "text"),
    ("updated_at", "timestamptz"),
    *((f"{name}_{n}", "double precision") for n in HORIZONS for name in _LOOK),
    *((f"missing_{n}", "smallint") for n in HORIZONS),
)
_NAMES: Final = ", ".join(name for name, _ in _ROW)
_TYPES: Final = ", ".join(f"{name} {kind}" for name, kind in _ROW)

_CLAIM: Final = """
UPDATE outcome_work SET claim = %(token)s, due_at = %(until)s
WHERE id IN (
    SELECT id FROM outcome_work WHERE {wanted}
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING {copied}, tries, known
"""
# Rows that are locked belong to somebody who is claiming them at this moment.
CLAIM_DUE: Final = _CLAIM.format(wanted="due_at <= %(now)s", copied=COPIED)
CLAIM_THESE: Final = _CLAIM.format(
    wanted="id = ANY(%(only)s::uuid[]) AND (claim IS NULL OR due_at <= %(now)s)",
    copied=COPIED,
)
LOCK_OWN: Final = """
SELECT id FROM outcome_work WHERE id = ANY(%(ids)s::uuid[]) AND claim = %(token)s
ORDER BY id FOR UPDATE
"""


def _kept(horizon: int) -> str:
    """Return the SET of one horizon: what was seen with fewer gaps stays.

    A bot's frame forgets its oldest candles; what was known before they went must not be
    replaced by a gap. With as many gaps the newer look wins: candles are corrected.
    """
    better = (
        f"new.missing_{horizon} IS NOT NULL AND (old.missing_{horizon} IS NULL"
        f" OR new.missing_{horizon} <= old.missing_{horizon})"
    )
    columns = [f"{name}_{horizon}" for name in (*_LOOK, "missing")]
    return ", ".join(
        f"{c} = CASE WHEN {better.replace('new.', 'excluded.')} THEN excluded.{c}"
        f" ELSE old.{c} END"
        for c in columns
    )


# Of the longest horizon, as it will be: least() passes over what is not known.
_GAPS: Final = f"least(excluded.missing_{LONGEST}, old.missing_{LONGEST})"
_SETS: Final = ", ".join(_kept(horizon) for horizon in HORIZONS)
UPSERT: Final = f"""
INSERT INTO signal_outcomes AS old ({_NAMES})
SELECT {_NAMES} FROM json_to_recordset(%s::json) AS row ({_TYPES}) ORDER BY id
ON CONFLICT (id, timestamp) DO UPDATE SET updated_at = excluded.updated_at,
    state = CASE WHEN excluded.state = 'open' OR {_GAPS} IS NULL THEN excluded.state
        WHEN {_GAPS} = 0 THEN 'complete' WHEN {_GAPS} = {LONGEST} THEN 'unknown'
        ELSE 'gaps' END,
    reason = CASE WHEN {_GAPS} = 0 THEN '' ELSE excluded.reason END, {_SETS}
RETURNING id
"""  # noqa: S608 - names are ours
# A mark that is there already is written anew all the same: whoever takes it now waits
# or passes it over, so that it is never gone before these rows can be seen.
STALE: Final = """
INSERT INTO outcome_days_stale (day, strategy_id, strategy_name)
SELECT day, strategy_id, strategy_name FROM json_to_recordset(%s::json)
    AS row (day date, strategy_id integer, strategy_name text)
ORDER BY day, strategy_id, strategy_name
ON CONFLICT (day, strategy_id, strategy_name) DO UPDATE SET day = excluded.day
RETURNING id
"""
DELETE_DONE: Final = "DELETE FROM outcome_work WHERE id = ANY(%s::uuid[]) RETURNING id"
POSTPONE: Final = """
UPDATE outcome_work SET claim = NULL, due_at = row.due_at, tries = row.tries,
    reason = row.reason, known = row.known
FROM json_to_recordset(%s::json)
    AS row (id uuid, due_at timestamptz, tries smallint, reason text, known smallint)
WHERE outcome_work.id = row.id RETURNING outcome_work.id
"""

# -- Sums by day ---------------------------------------------------------------
TAKE_STALE: Final = """
DELETE FROM outcome_days_stale WHERE id IN (
    SELECT id FROM outcome_days_stale ORDER BY id LIMIT %s
    FOR UPDATE SKIP LOCKED
) RETURNING day, strategy_id, strategy_name
"""
FORGET_DAY: Final = """
DELETE FROM outcome_days WHERE day = %(day)s AND (
    strategy_id = ANY(%(ids)s::int[])
    OR (strategy_id = 0 AND strategy_name = ANY(%(names)s::text[]))
) RETURNING id
"""


def _sums(n: int) -> str:
    return (
        f"count(move_{n}), count(*) FILTER (WHERE move_{n} > 0),"
        f" coalesce(sum(move_{n}), 0), {spread_sql(f'move_{n}')}"
    )


_SUMS: Final = ", ".join(_sums(n) for n in HORIZONS)
_SUM_NAMES: Final = ", ".join(
    f"{name}_{n}" for n in HORIZONS for name in ("count", "right", "sum", "spread")
)
_GROUP: Final = "signal_type, strength_level, is_exit"
# Two statements: each reads its own index of one month.
_SUM_DAY: Final = """
INSERT INTO outcome_days (day, strategy_id, strategy_name, {group}, signals, unknown,
    {names})
SELECT %(day)s, {key}, {group}, count(*), count(*) FILTER (WHERE state = 'unknown'),
    {sums}
FROM signal_outcomes
WHERE timestamp >= %(begin)s AND timestamp < %(end)s AND {wanted}
GROUP BY {by}, {group} RETURNING id
"""
SUM_DAY_OF_STRATEGIES: Final = _SUM_DAY.format(
    group=_GROUP,
    names=_SUM_NAMES,
    sums=_SUMS,
    key="strategy_id, ''",
    by="strategy_id",
    wanted="strategy_id = ANY(%(ids)s::int[])",
)
SUM_DAY_OF_NAMES: Final = _SUM_DAY.format(
    group=_GROUP,
    names=_SUM_NAMES,
    sums=_SUMS,
    key="0, strategy_name",
    by="strategy_name",
    wanted="strategy_id IS NULL AND strategy_name = ANY(%(names)s::text[])",
)

# -- What is new ---------------------------------------------------------------
# What the ledger keeps of a signal; its own price is rounded, the exact one is beside.
_FROM_SIGNAL: Final = """id, timestamp, strategy_id, strategy_name, exchange, pair,
    timeframe, signal_type, strength_level,
    coalesce(metadata ->> 'mark' LIKE 'exit%%', false) AS is_exit,
    coalesce((metadata ->> 'price_exact')::double precision,
        price::double precision) AS price"""
_UNITS: Final = " ".join(f"WHEN '{unit}' THEN {n}" for unit, n in SECONDS.items())
# When the first candle after the signal closes, at once where that cannot be told.
_DUE: Final = f"""timestamp + interval '1 second' * coalesce(
    substring(timeframe FROM '^([1-9][0-9]{{0,3}})[smhdwM]$')::bigint
    * CASE right(timeframe, 1) {_UNITS} END, 0)"""
# Locked ones are being opened by somebody else at this moment.
ARRIVED: Final = """
SELECT id, ids FROM outcome_arrivals ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
# What says nothing of the direction has no outcome; in the order of those of the past,
# so that both wait for each other instead of dead-locking.
OPEN_ARRIVED: Final = f"""
INSERT INTO outcome_work ({COPIED}, due_at)
SELECT {COPIED}, {_DUE} FROM (
    SELECT {_FROM_SIGNAL} FROM signals
    WHERE id = ANY(%(ids)s::uuid[])
      AND timestamp >= %(first)s AND timestamp <= %(last)s
      AND signal_type IN ('BUY', 'SELL')
) AS arrived
WHERE NOT EXISTS (
    SELECT FROM signal_outcomes known
    WHERE known.id = arrived.id AND known.timestamp = arrived.timestamp
)
ORDER BY timestamp, id
ON CONFLICT DO NOTHING RETURNING id
"""  # noqa: S608 - names are ours
FORGET_ARRIVED: Final = """
DELETE FROM outcome_arrivals WHERE id = ANY(%s::bigint[]) RETURNING id
"""

# -- The past ------------------------------------------------------------------
# From a place on, so that a batch never reads what another has read.
PAST: Final = f"""
WITH batch AS MATERIALIZED (
    SELECT {_FROM_SIGNAL} FROM signals
    WHERE timestamp >= %(since)s AND timestamp < %(until)s
      AND (timestamp, id) > (%(since)s, %(after)s)
      AND (%(strategy)s::int IS NULL OR strategy_id = %(strategy)s)
    ORDER BY timestamp, id LIMIT %(limit)s
), seen AS (
    -- A query of its own for each row: it looks into one month, by the primary key.
    SELECT batch.*, (
        SELECT known.state FROM signal_outcomes known
        WHERE known.id = batch.id AND known.timestamp = batch.timestamp
    ) AS state
    FROM batch
), opened AS (
    INSERT INTO outcome_work ({COPIED}, due_at)
    SELECT {COPIED}, %(due)s FROM seen
    WHERE signal_type IN ('BUY', 'SELL')
      AND (state IS NULL OR (%(again)s AND state IN ('unknown', 'gaps')))
    ON CONFLICT DO NOTHING RETURNING id
)
SELECT batch.id, batch.timestamp, opened.id IS NOT NULL
FROM batch LEFT JOIN opened USING (id) ORDER BY batch.timestamp, batch.id
"""  # noqa: S608 - names are ours
