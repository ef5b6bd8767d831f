"""What pages, commands and health ask about backups. The folder is the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from monitoring.backups import policy, store
from monitoring.backups.shapes import State, megabytes
from monitoring.backups.words import word_of_state, words_of
from notifications.models import Alert

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from monitoring.backups.shapes import Backup


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a page: a backup as a person wants to see it."""

    backup: Backup
    state: str
    size: str
    age: timedelta


def backups_list() -> list[Backup]:
    """Return every backup and every failure, newest first."""
    return store.backups_read()


def backups_rows(now: datetime | None = None) -> list[Row]:
    """Return the list for a page, words in the language that is active."""
    at = now or timezone.now()
    return [
        Row(
            backup,
            word_of_state(backup.state),
            megabytes(backup.size) if backup.size else "",
            at - backup.started,
        )
        for backup in store.backups_read()
    ]


def backups_summary(now: datetime | None = None) -> dict[str, Any]:
    """Return what a check or a page's head needs.

    ``good_at`` is when the newest one that was restored on trial was made, or None;
    ``troubles`` are pairs of title and text; ``size`` the bytes of all.
    """
    at = now or timezone.now()
    backups = store.backups_read()
    past = policy.dated(backups, at)
    good = next((b for b in past if b.state is State.GOOD), None)
    return {
        "good_at": good.started if good else None,
        "count": sum(1 for backup in backups if backup.is_whole),
        "size": sum(backup.size for backup in backups),
        "troubles": [words_of(each) for each in policy.troubles(backups, at)],
    }


def alert_place(key: str) -> str:
    """Return the mark of the folder that the open alert ``key`` is about, "" if none."""
    context = Alert.objects.filter(key=key, resolved_at=None).values_list("context")
    return str(next((found.get("place", "") for (found,) in context), ""))
