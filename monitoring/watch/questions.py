"""What the watch asks PostgreSQL beyond what the page of the servers shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from monitoring.backups.servers import APPLICATION
from monitoring.database.bounded import rows_read

# A dump holds one transaction for as long as it takes; the age of backups is watched.
OLDEST: Final = """
SELECT pid, COALESCE(application_name, '') AS application, COALESCE(state, '') AS state,
    EXTRACT(epoch FROM clock_timestamp() - xact_start)::float AS seconds
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' AND xact_start IS NOT NULL
    AND application_name <> %(backup)s
ORDER BY xact_start LIMIT 1
"""
WAITERS: Final = """
SELECT a.pid, COALESCE(a.application_name, '') AS application,
    EXTRACT(epoch FROM clock_timestamp() - min(l.waitstart))::float AS seconds,
    pg_blocking_pids(a.pid) AS blockers
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.waitstart IS NOT NULL AND a.datname = current_database()
GROUP BY a.pid, a.application_name ORDER BY seconds DESC LIMIT 20
"""
SLOTS: Final = """
SELECT slot_name AS name,
    COALESCE(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint AS kept
FROM pg_replication_slots WHERE NOT active AND NOT temporary ORDER BY slot_name LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class Oldest:
    """The oldest open transaction; ``seconds`` is its age."""

    pid: int
    application: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Waiter:
    """A session that waits for a lock of ``blockers`` (pids), for ``seconds`` so far."""

    pid: int
    application: str
    seconds: float
    blockers: tuple[int, ...]


def transaction_oldest() -> Oldest | None:
    """Return the oldest transaction of this database but those of backups."""
    rows = rows_read(OLDEST, {"backup": APPLICATION})
    return Oldest(**rows[0]) if rows else None


def lock_waiters() -> list[Waiter]:
    """Return who waits for a lock, the longest first."""
    return [
        Waiter(**row | {"blockers": tuple(row["blockers"] or ())})
        for row in rows_read(WAITERS)
    ]


def slots_idle() -> list[dict[str, Any]]:
    """Return replication slots that nobody reads, with the bytes of log they hold back."""
    return rows_read(SLOTS)
