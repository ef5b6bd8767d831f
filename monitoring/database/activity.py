"""Who is connected, what goes on for long, and who waits for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from btc_watcher.lib.redaction import own_redactor
from monitoring.database.bounded import rows_read

# A transaction of ours takes milliseconds; a minute holds up vacuum and rotation.
LONG: Final = timedelta(seconds=60)
TEXT_LENGTH: Final = 500
LISTED: Final = 50
NOW: Final = """
SELECT count(*) FILTER (WHERE datname = current_database()) AS here,
    count(*) AS everywhere,
    count(*) FILTER (WHERE datname = current_database() AND state = 'active') AS active,
    count(*) FILTER (WHERE datname = current_database()
        AND state LIKE 'idle in transaction%') AS idle_in_transaction,
    current_setting('max_connections')::int AS most,
    COALESCE(EXTRACT(epoch FROM max(clock_timestamp() - xact_start) FILTER (
        WHERE datname = current_database() AND pid <> pg_backend_pid())), 0)::float
        AS longest
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
LONG_ONES: Final = """
SELECT pid, usename AS role, COALESCE(application_name, '') AS application,
    COALESCE(state, '') AS state,
    EXTRACT(epoch FROM clock_timestamp() - xact_start)::float AS seconds,
    COALESCE(wait_event_type || ': ' || wait_event, '') AS waits,
    COALESCE(query, '') AS query, pg_blocking_pids(pid) AS blockers
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' AND xact_start IS NOT NULL
    AND (clock_timestamp() - xact_start > %(long)s OR wait_event_type = 'Lock')
ORDER BY xact_start LIMIT %(limit)s
"""
COUNTERS: Final = """
SELECT xact_commit AS commits, xact_rollback AS rollbacks, blks_hit AS hit,
    blks_read AS read, deadlocks, temp_bytes, conflicts
FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections to this database, to the whole server, and the most it allows.

    ``longest`` is the age in seconds of the oldest transaction, 0 without one.
    """

    here: int
    everywhere: int
    active: int
    idle_in_transaction: int
    most: int
    longest: float


@dataclass(frozen=True, slots=True)
class Session:
    """A transaction that goes on for long, or waits for a lock of ``blockers`` (pids)."""

    pid: int
    role: str
    application: str
    state: str
    seconds: float
    waits: str
    query: str
    blockers: tuple[int, ...]


def connections_now() -> Connections:
    """Return how many connections there are."""
    (row,) = rows_read(NOW)
    return Connections(**row)


def sessions_long(long: timedelta = LONG) -> list[Session]:
    """Return the transactions older than ``long`` and those that wait for a lock."""
    rows = rows_read(LONG_ONES, {"long": long, "limit": LISTED})
    return [_session(row) for row in rows]


def counters() -> dict[str, int]:
    """Return what PostgreSQL counts of this database since its statistics began."""
    (row,) = rows_read(COUNTERS)
    return {name: int(value) for name, value in row.items()}


def _session(row: dict[str, Any]) -> Session:
    query = own_redactor()(" ".join(row.pop("query").split()))[:TEXT_LENGTH]
    blockers = tuple(row.pop("blockers") or ())
    return Session(**row, query=query, blockers=blockers)
