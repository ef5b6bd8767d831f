"""Beat's scheduler: an operator's changes last, stay in bounds, and decide the expiry."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from celery.schedules import schedule as every
from celery.utils.log import get_logger
from django.db import Error as DatabaseError
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from monitoring.heartbeats.progress import beat_loop
from monitoring.schedules.bounds import bounds_of, expiry_of
from monitoring.schedules.services import first_values, schedules_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = get_logger(__name__)
# Of the last time that all was read; the library counts without a zone.
NEVER: Final = datetime.min  # noqa: DTZ901
# Below this a clock is only being kept in step.
SET_BACK_SECONDS: Final = 1.0
# Entries are made anew at every run; what is wrong with one is said once.
_told: set[tuple[str, float]] = set()


class Entry(ModelEntry):  # type: ignore[misc]  # has no types
    """A row of the schedule. What it sends expires before it sends the next."""

    def __init__(self, model: Any, app: Any = None) -> None:
        super().__init__(model, app=app)
        if model.interval is None:
            return
        seconds = self._bounded(model.interval.schedule.run_every.total_seconds())
        self.schedule = every(seconds, nowfun=model.interval.schedule.nowfun)
        if model.expires is None:
            chosen = model.expire_seconds
            limit = expiry_of(seconds)
            self.options["expires"] = min(chosen, limit) if chosen else limit

    def is_due(self) -> Any:
        """Tell whether it is time; a last run that has not been yet counts as now.

        It was written while the clock was ahead, and nothing would run until then.
        """
        now = timezone.now()
        last: datetime | None = self.model.last_run_at
        if last is not None and last > now:
            self.last_run_at = self.model.last_run_at = now
        return super().is_due()

    def _bounded(self, seconds: float) -> float:
        """Return an interval that was written past the admin as near as is allowed."""
        known = first_values().get(self.name)
        if known is None:
            return seconds
        bounds = bounds_of(self.name, known.seconds)
        allowed = min(max(seconds, bounds.least), bounds.most)
        if allowed != seconds and (self.name, seconds) not in _told:
            _told.add((self.name, seconds))
            logger.warning(
                "%s is to run every %g s, which is out of bounds; it runs every %g s.",
                self.name,
                seconds,
                allowed,
            )
        return float(allowed)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # has no types
    """The database's schedule, seeded without undoing what an operator has changed."""

    Entry = Entry
    # By how much the clock differs from one that is never set.
    _clock: float | None = None

    def setup_schedule(self) -> None:
        """Bring first values up to date, then read."""
        schedules_seed()
        # Read now; the library would otherwise do it at its first tick.
        _ = self.schedule

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Send what is due; that this comes round shows that beat is not hanging.

        While the database is away the schedule is what it was: the library would end.
        """
        beat_loop.mark()
        if self._was_set_back():
            logger.warning("The clock was set back: the schedule is read anew.")
            self._last_full_sync = NEVER
        try:
            return super().tick(*args, **kwargs)
        except DatabaseError as error:
            logger.warning("The schedule was not read (%s).", type(error).__name__)
            # What had changed was taken for read: read all of it as soon as it is there.
            self._last_full_sync = NEVER
            return self.max_interval

    def _was_set_back(self) -> bool:
        """Tell whether the clock was set back: moments to come would never come."""
        clock = time.time() - time.monotonic()
        before, self._clock = self._clock, clock
        return before is not None and clock < before - SET_BACK_SECONDS

    def update_from_dict(self, mapping: Mapping[str, Any]) -> None:
        """Seed nothing: the library would write first values over changed ones."""
