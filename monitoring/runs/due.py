"""When work of the schedule is due next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django_celery_beat.models import PeriodicTask

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Due:
    """An entry of the schedule; ``next`` is None while it has never run, or is off."""

    enabled: bool
    every: timedelta | None
    last: datetime | None
    next: datetime | None
    is_late: bool


def due_of(name: str, now: datetime) -> Due | None:
    """Return when the entry ``name`` runs; None before the schedule's first start."""
    row = PeriodicTask.objects.select_related("interval").filter(name=name).first()
    if row is None:
        return None
    every: timedelta | None = None
    if row.interval is not None:
        every = row.interval.schedule.run_every
    last: datetime | None = row.last_run_at
    following = last + every if row.enabled and last and every else None
    # The schedule itself may be a little late, and its worker too.
    late = following is not None and now > following + timedelta(minutes=10)
    return Due(row.enabled, every, last, following, late)
