"""What may be removed, what is wrong, how much room is needed. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from monitoring.backups.shapes import MEGABYTE, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitoring.backups.shapes import Backup

# A day, and half a day in which somebody may mend what is wrong.
OLDEST: Final = timedelta(hours=36)
# After this the daily run was missed: the machine was off, or the schedule was changed.
MISSED: Final = timedelta(hours=26)
# A clock that was wrong dates backups in the future; what they say of today is nothing.
SLACK: Final = timedelta(minutes=10)
# A clock that jumps, or a slip in the setting, shall not take all of them at once.
MOST_REMOVED: Final = 3
SHRUNK: Final = 0.5
COMPARED: Final = 5
# Below this sizes say little: a new installation doubles and halves.
SMALLEST_COMPARED: Final = MEGABYTE
# Compressed rows take less; a text that does not compress takes as much.
FIRST_SHARE: Final = 0.5
GROWTH: Final = 1.3
SPARE_BYTES: Final = 64 * MEGABYTE

AGE, FAILED, SIZE = "backup:age", "backup:failed", "backup:size"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, by the key of its alert, and the facts to tell."""

    key: str
    facts: dict[str, Any]


def expired(backups: Sequence[Backup], now: datetime, days: int) -> list[Backup]:
    """Return what is older than ``days``; never the newest good one, nor the newest whole.

    ``backups`` are all entries, newest first. Of those that can be restored only the
    oldest few: the next run takes the next ones.
    """
    past = dated(backups, now)
    newest = (
        _first_good(past) or _first_good(backups),
        _whole(past) or _whole(backups),
    )
    kept = {b.name for b in newest if b is not None}
    limit = now - timedelta(days=days)
    old = [
        b
        for b in backups
        if b.started < limit and (b.name not in kept or not b.is_whole)
    ]
    spared = [b for b in old if b.is_whole][:-MOST_REMOVED]
    return [b for b in old if b not in spared]


def dated(backups: Sequence[Backup], now: datetime) -> list[Backup]:
    """Return those of ``backups`` that are not dated in the future."""
    return [b for b in backups if b.started <= now + SLACK]


def _first_good(backups: Sequence[Backup]) -> Backup | None:
    return next((b for b in backups if b.state is State.GOOD), None)


def _whole(backups: Sequence[Backup]) -> Backup | None:
    return next((b for b in backups if b.is_whole), None)


def troubles(backups: Sequence[Backup], now: datetime) -> list[Trouble]:
    """Return what is wrong with ``backups`` (all entries, newest first)."""
    backups = dated(backups, now)
    found = []
    if backups and backups[0].state is not State.GOOD:
        newest = backups[0]
        told = {
            "name": newest.name,
            "state": newest.state.value,
            "error": newest.error,
        }
        found.append(Trouble(FAILED, told))
    good = _first_good(backups)
    if backups and (good is None or now - good.started > OLDEST):
        since = good.started if good else backups[-1].started
        hours = int((now - since).total_seconds() // 3600)
        # A first failure is told as such; it is too early to speak of age.
        if good is not None or now - since > OLDEST:
            facts: dict[str, Any] = {"hours": hours, "name": good.name if good else ""}
            found.append(Trouble(AGE, facts))
    return found + shrinking(backups)


def shrinking(backups: Sequence[Backup]) -> list[Trouble]:
    """Tell when the newest whole backup is far smaller than those before it."""
    whole = [b for b in backups if b.is_whole and b.manifest is not None]
    if not whole or whole[0].manifest is None:
        return []
    newest = whole[0].manifest
    like = [
        b.size
        for b in whole[1:]
        if b.manifest is not None and b.manifest.compression == newest.compression
    ][:COMPARED]
    usual = int(statistics.median(like)) if like else 0
    if usual < SMALLEST_COMPARED or newest.size >= usual * SHRUNK:
        return []
    facts = {"name": newest.name, "size": newest.size, "usual": usual}
    return [Trouble(SIZE, facts)]


def room_needed(backups: Sequence[Backup], database_size: int) -> int:
    """Return how many bytes must be free before a backup is begun."""
    last = next((b for b in backups if b.is_whole), None)
    if last is None:
        return int(database_size * FIRST_SHARE) + SPARE_BYTES
    grown = 1.0
    if last.manifest is not None and last.manifest.database_size:
        grown = max(1.0, database_size / last.manifest.database_size)
    return int(last.size * grown * GROWTH) + SPARE_BYTES


def is_missed(backups: Sequence[Backup], now: datetime) -> bool:
    """Tell whether nothing was even tried for longer than a day."""
    past = dated(backups, now)
    return not past or now - past[0].started > MISSED
