"""Reading and writing signs of life. Moments are of the database's clock alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import orjson

from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import PROCESS_NAME
from btc_watcher.lib.statements import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

# Rows of web processes carry their pid in the name, so every restart leaves one behind.
FORGET_WEB: Final = "10 minutes"
FORGET_STOPPED: Final = "1 day"
# A machine that was taken away for good does not stay an alarm for ever.
FORGET_LOST: Final = "7 days"
BEAT: Final = """
INSERT INTO process_heartbeats AS p (host, role, name, pid, create_time, figures)
VALUES (%(host)s, %(role)s, %(name)s, %(pid)s, %(create_time)s, %(figures)s::jsonb)
ON CONFLICT (host, role, name) DO UPDATE
   SET seen_at = now(), stopped_at = NULL, figures = excluded.figures,
       started_at = CASE WHEN p.pid = excluded.pid
                          AND abs(p.create_time - excluded.create_time) < 2
                         THEN p.started_at ELSE now() END,
       pid = excluded.pid, create_time = excluded.create_time
RETURNING extract(epoch FROM clock_timestamp())::float8
"""
EARLIER: Final = """
SELECT pid FROM process_heartbeats
 WHERE host = %(host)s AND role = %(role)s AND name = %(name)s AND stopped_at IS NULL
   AND NOT (pid = %(pid)s AND abs(create_time - %(create_time)s) < 2)
"""
# Those of one role and machine that may live.
PLACES: Final = """
SELECT name, pid, create_time FROM process_heartbeats
 WHERE host = %(host)s AND role = %(role)s AND stopped_at IS NULL
"""
FAREWELL: Final = """
UPDATE process_heartbeats SET stopped_at = now()
 WHERE host = %(host)s AND role = %(role)s AND name = %(name)s AND pid = %(pid)s
RETURNING 1
"""
FORGET: Final = """
DELETE FROM process_heartbeats
 WHERE (role = 'web' AND seen_at < now() - %(web)s::interval)
    OR stopped_at < now() - %(stopped)s::interval
    OR seen_at < now() - %(lost)s::interval
RETURNING 1
"""
READ: Final = """
SELECT host, role, name, pid, started_at, seen_at, stopped_at,
       extract(epoch FROM now() - greatest(seen_at, stopped_at))::float8, figures::text
  FROM process_heartbeats ORDER BY role, host, name
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which process writes: its host, role, name there, pid and creation time."""

    host: str
    role: str
    name: str
    pid: int
    create_time: float

    def parameters(self) -> dict[str, Any]:
        """Return the values for a statement."""
        return {
            "host": self.host,
            "role": self.role,
            "name": self.name,
            "pid": self.pid,
            "create_time": self.create_time,
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """A row as it is read; ``age_s`` is how long ago it last said something, or ended.

    ``silent_s`` is for how long whoever watches has heard nothing new of it.
    """

    host: str
    role: str
    name: str
    pid: int
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None
    age_s: float
    figures: Mapping[str, Any] = field(default_factory=dict)
    silent_s: float | None = None

    @property
    def quiet_s(self) -> float:
        """By what it is judged: the watcher's own clock if there is one, as it is never set."""
        return self.age_s if self.silent_s is None else self.silent_s


def place_find(who: Identity, lives: Callable[[int, float], bool]) -> Identity:
    """Return ``who``, by a name that no living process of its role and machine has.

    ``lives`` tells whether a pid of a creation time is a process of this machine. Two
    of one name would take turns in one row, and the death of either go unnoticed. To
    be called in the transaction that writes the first beat.
    """
    lock_taken(PROCESS_NAME, wait=True)
    taken = {
        name
        for name, pid, created in rows_of(PLACES, who.parameters())
        if pid != who.pid and lives(pid, created)
    }
    names = (who.name if n == 1 else f"{who.name}-{n}" for n in count(1))
    return replace(who, name=next(name for name in names if name not in taken))


def beat_write(who: Identity, figures: Mapping[str, Any]) -> float:
    """Say that the process lives, and what it measured; raises database errors.

    Returns the time by the database's clock, in seconds since 1970.
    """
    values = who.parameters() | {"figures": orjson.dumps(figures).decode()}
    return float(rows_of(BEAT, values)[0][0])


def predecessor(who: Identity) -> int | None:
    """Return the pid of an earlier process in our place that never said goodbye."""
    found = rows_of(EARLIER, who.parameters())
    return int(found[0][0]) if found else None


def farewell_write(who: Identity) -> None:
    """Say that the process ends because it was asked to."""
    rows_of(FAREWELL, who.parameters())


def beats_forget() -> int:
    """Remove rows that tell nothing any more; return how many."""
    ages = {"web": FORGET_WEB, "stopped": FORGET_STOPPED, "lost": FORGET_LOST}
    return len(rows_of(FORGET, ages))


def beats_read() -> list[Seen]:
    """Return all rows; raises Django's database errors."""
    return [
        Seen(host, role, name, pid, started, seen, stopped, age, orjson.loads(figures))
        for host, role, name, pid, started, seen, stopped, age, figures in rows_of(
            READ, []
        )
    ]
