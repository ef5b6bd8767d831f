"""What the soak reads from the system's database, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.soak.notices import Notice
from tests.soak.oracle import Mark, Stored

if TYPE_CHECKING:
    import psycopg

MARKS = """
SELECT id::text, strategy_name, pair, timeframe,
       round(extract(epoch FROM timestamp) * 1000)::bigint,
       coalesce(metadata ->> 'mark', ''), price::float8
FROM signals WHERE exchange = 'simulated'
"""
IDENTIFIERS = "SELECT id::text FROM signals"
POSTED = """
SELECT count(*), count(DISTINCT (strategy_name, pair, signal_type, timestamp))
FROM signals WHERE exchange <> 'simulated'
"""
TOLD = "SELECT id::text FROM signals WHERE NOT metadata ? 'quiet'"
NOTICES = """
SELECT id, coalesce(signal_id::text, ''), coalesce(channel_id, 0), channel_type, status,
       coalesce(error_message, ''), metadata
FROM notification_history
"""
CHANNELS = "SELECT id FROM notification_channels WHERE enabled"
RUNNING = "SELECT count(*) FROM strategies WHERE status = 'running'"
BOTS = """
SELECT strategies.name, process.pid FROM strategy_processes AS process
JOIN strategies ON strategies.id = process.strategy_id
WHERE process.stop_time IS NULL AND process.pid IS NOT NULL
"""
STATES = "SELECT name, status FROM strategies ORDER BY name"
DEAD = """
SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables
WHERE n_dead_tup > 0 ORDER BY n_dead_tup DESC
"""


def marks(connection: psycopg.Connection) -> list[Stored]:
    """Return every signal that a bot produced."""
    return [
        Stored(identifier, Mark(*rest), price)
        for identifier, *rest, price in connection.execute(MARKS)
    ]


def notices(connection: psycopg.Connection) -> list[Notice]:
    """Return every notification."""
    return [Notice(*row) for row in connection.execute(NOTICES)]


def texts(connection: psycopg.Connection, query: str) -> list[str]:
    """Return the first column of a query."""
    rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return [str(row[0]) for row in rows]


class Posted(NamedTuple):
    """Rows that programs posted, and how many different signals they are."""

    rows: int
    signals: int


def posted(connection: psycopg.Connection) -> Posted:
    """Return how many signals were posted."""
    row = connection.execute(POSTED).fetchone()
    return Posted(*row) if row else Posted(0, 0)
