"""What waits to be written: bounded in groups, in new groups per hour, and in words."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from monitoring.errors.reading import GroupKey, Report

# Groups that wait at once.
WAITING: Final = 200
# Groups that a process may bring up in an hour; those it knows go on being counted.
PER_HOUR: Final = 300
HOUR: Final = 3600.0


class Buffer:
    """Counts records by group; only the first of a group is looked at closely.

    So a flood costs one look-up a record and one row a group, and while the database is
    away memory stays bounded. What has no room is counted as dropped.
    """

    def __init__(self, waiting: int = WAITING, per_hour: int = PER_HOUR) -> None:
        # Reentrant: a finalizer may run, and log, between any two lines.
        self._lock = threading.RLock()
        self._most, self._per_hour = waiting, per_hour
        self._waiting: dict[GroupKey, Report] = {}
        self._known: set[GroupKey] = set()
        self._hour = float("-inf")
        self._dropped = 0

    def add(
        self,
        key: GroupKey,
        record: logging.LogRecord,
        make: Callable[[logging.LogRecord, GroupKey], Report],
    ) -> bool:
        """Count a record; False when it was dropped."""
        with self._lock:
            found = self._waiting.get(key)
            if found is not None:
                found.count += 1
                found.last = max(found.last, record.created)
                return True
            if not self._has_room(key, record.created):
                self._dropped += 1
                return False
        # Outside of the lock: what is formatted may itself log.
        report = make(record, key)
        with self._lock:
            self._merge(key, report)
        return True

    def drop(self, count: int = 1) -> None:
        """Count what could not be kept."""
        with self._lock:
            self._dropped += count

    def take(self) -> tuple[dict[GroupKey, Report], int]:
        """Return and forget what waits, and how many were dropped."""
        with self._lock:
            taken = self._waiting, self._dropped
            self._waiting, self._dropped = {}, 0
            return taken

    def give_back(self, reports: dict[GroupKey, Report], dropped: int) -> None:
        """Keep what could not be written; the newest is dropped first."""
        with self._lock:
            newer, self._waiting = self._waiting, dict(reports)
            self._dropped += dropped
            for key, report in newer.items():
                self._merge(key, report)

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting) + bool(self._dropped)

    def _has_room(self, key: GroupKey, now: float) -> bool:
        # A clock that was set back begins a new hour as well.
        if not 0 <= now - self._hour < HOUR:
            self._known.clear()
            self._hour = now
        if len(self._waiting) >= self._most:
            return False
        if key in self._known:
            return True
        if len(self._known) >= self._per_hour:
            return False
        self._known.add(key)
        return True

    def _merge(self, key: GroupKey, report: Report) -> None:
        found = self._waiting.get(key)
        if found is not None:
            found.add(report)
        elif len(self._waiting) < self._most:
            self._waiting[key] = report
        else:
            self._dropped += report.count
