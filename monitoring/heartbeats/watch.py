"""Who of the others is dead. Pure: rows in, troubles out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitoring.heartbeats.models import Role
from monitoring.heartbeats.queues import NEEDED, reads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.heartbeats.store import Seen

# A web process is asked by whoever stands before it.
WATCHED: Final = (Role.BEAT, Role.WORKER, Role.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: between beats; until a silent process counts as dead; until a role that
    was stopped in an orderly way is missed; for how long a watcher must have beaten
    without a gap before it judges others."""

    every: float = 10.0
    dead_after: float = 45.0
    absent_after: float = 180.0
    steady_for: float = 60.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """A role of which processes died, or of which none is left.

    ``unread``: queues that none of the workers reads which are left.
    """

    role: str
    dead: tuple[Seen, ...] = ()
    alive: int = 0
    unread: tuple[str, ...] = ()

    @property
    def priority(self) -> str:
        """P0 when nobody is left to do the work, or a part of it."""
        return "P1" if self.alive and not self.unread else "P0"


class Silences:
    """For how long each of the others has said nothing new, by the watcher's own clock.

    The database's clock may be set: an hour ahead, and everybody would have been silent
    for an hour; an hour back, and a death would be noticed in an hour.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], tuple[object, float]] = {}

    def heard(self, rows: Sequence[Seen], clock: float) -> list[Seen]:
        """Return the rows with ``silent_s``; ``clock`` is in seconds and never set."""
        known: dict[tuple[str, str, str], tuple[object, float]] = {}
        found = []
        for row in rows:
            key = (row.host, row.role, row.name)
            sign = (row.pid, row.seen_at, row.stopped_at)
            before = self._known.get(key)
            since = before[1] if before and before[0] == sign else clock
            known[key] = (sign, since)
            found.append(replace(row, silent_s=clock - since))
        self._known = known
        return found


def is_alive(row: Seen, limits: Limits) -> bool:
    """Tell whether a row is of a process that lives."""
    return row.stopped_at is None and row.quiet_s <= limits.dead_after


def is_dead(row: Seen, limits: Limits) -> bool:
    """Tell whether a row is of a process that ended without saying so, or hangs."""
    return row.stopped_at is None and row.quiet_s > limits.dead_after


def queues_unread(
    rows: Sequence[Seen], limits: Limits, *, longer: float = 0.0
) -> tuple[str, ...]:
    """Return the queues that no living worker reads, and none has for ``longer`` s."""
    workers = [row for row in rows if row.role == Role.WORKER]
    unread = []
    for queue in NEEDED:
        readers = [row for row in workers if reads(row, queue)]
        if not any(is_alive(row, limits) for row in readers) and all(
            row.quiet_s > longer for row in readers
        ):
            unread.append(queue)
    return tuple(unread)


def troubles(
    rows: Sequence[Seen], limits: Limits, *, steady_s: float, optional: frozenset[str]
) -> list[Trouble]:
    """Return what is wrong with the watched roles.

    ``steady_s`` is for how long the one who asks has beaten without a gap: after an
    outage of the database everybody's last sign is old, and nobody is dead.
    ``optional`` are roles that may be absent, but may not die.
    """
    if steady_s < limits.steady_for:
        return []
    found = []
    for role in WATCHED:
        own = [row for row in rows if row.role == role]
        alive = sum(is_alive(row, limits) for row in own)
        dead = tuple(row for row in own if is_dead(row, limits))
        absent = (
            not alive
            and role not in optional
            and steady_s >= limits.absent_after
            and all(row.quiet_s > limits.absent_after for row in own)
        )
        unread: tuple[str, ...] = ()
        if role is Role.WORKER and alive and steady_s >= limits.absent_after:
            unread = queues_unread(own, limits, longer=limits.absent_after)
        if dead or absent or unread:
            found.append(Trouble(role, dead, alive, unread))
    return found
