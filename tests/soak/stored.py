"""What the soak reads from the system's database, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.soak.grades import Grade
from tests.soak.notices import Notice
from tests.soak.oracle import Mark, Stored
from tests.soak.posts import Kept, Sent
from tests.soak.told import Fact

if TYPE_CHECKING:
    import psycopg

MARKS = """
SELECT id::text, strategy_name, pair, timeframe,
       round(extract(epoch FROM timestamp) * 1000)::bigint,
       coalesce(metadata ->> 'mark', ''), price::float8,
       signal_type, strength_raw::float8, strength_level, priority
FROM signals WHERE exchange = 'simulated'
"""
IDENTIFIERS = "SELECT id::text FROM signals"
POSTED = """
SELECT id::text, pair, signal_type, price::float8, strength_raw::float8,
       strength_level, priority, (strategy_name, pair, signal_type, timestamp)::text
FROM signals WHERE exchange <> 'simulated'
"""
FACTS = """
SELECT id::text, coalesce(strategy_id::text, strategy_name), exchange, pair, timeframe,
       coalesce(metadata ->> 'mark', ''), signal_type, strength_raw::float8,
       extract(epoch FROM timestamp)::float8,
       extract(epoch FROM (metadata ->> 'received_at')::timestamptz)::float8
FROM signals
"""
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
        Stored(row[0], Mark(*row[1:6]), row[6], Grade(*row[7:]))
        for row in connection.execute(MARKS)
    ]


def facts(connection: psycopg.Connection) -> list[Fact]:
    """Return what every signal is, and when it was stored."""
    return [Fact(*row) for row in connection.execute(FACTS)]


def notices(connection: psycopg.Connection) -> list[Notice]:
    """Return every notification."""
    return [Notice(*row) for row in connection.execute(NOTICES)]


def texts(connection: psycopg.Connection, query: str) -> list[str]:
    """Return the first column of a query."""
    rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return [str(row[0]) for row in rows]


class Posted(NamedTuple):
    """Rows that programs posted, by id, and how many different signals they are."""

    rows: dict[str, Kept]
    signals: int


def posted(connection: psycopg.Connection) -> Posted:
    """Return what was posted."""
    found = connection.execute(POSTED).fetchall()
    rows = {row[0]: Kept(Sent(*row[1:5]), *row[5:7]) for row in found}
    return Posted(rows, len({row[7] for row in found}))
