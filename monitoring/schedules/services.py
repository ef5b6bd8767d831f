"""Seeding the schedule, and changing an entry of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import SCHEDULE_SEED
from monitoring.schedules.bounds import bounds_of, interval_problem
from monitoring.schedules.models import ScheduleSeed

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FirstValue:
    """What the settings say of an entry."""

    task: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Seeded:
    """What a seeding did, by name."""

    added: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def first_values() -> dict[str, FirstValue]:
    """Return ``settings.CELERY_BEAT_SCHEDULE`` by name."""
    entries: Mapping[str, Mapping[str, Any]] = settings.CELERY_BEAT_SCHEDULE
    return {
        name: FirstValue(entry["task"], entry["schedule"].run_every.total_seconds())
        for name, entry in entries.items()
    }


@transaction.atomic
def schedules_seed() -> Seeded:
    """Bring the rows of the schedule up to date with the settings.

    An entry that is missing is added. One that nobody has changed follows a new first
    value; one that an operator has changed stays as it is, interval and switch. An entry
    of ours that the settings no longer name is removed, because its task is gone.
    """
    first = first_values()
    # Two that start for the first time at once would both add.
    lock_taken(SCHEDULE_SEED, wait=True)
    seeds = dict(ScheduleSeed.objects.values_list("name", "seconds"))
    rows = {
        row.name: row
        for row in PeriodicTask.objects.select_for_update(of=("self",))
        .select_related("interval")
        .filter(name__in=[*first, *seeds])
    }
    added, followed, kept = [], [], []
    for name, value in first.items():
        row = rows.get(name)
        if row is None:
            _add(name, value)
            added.append(name)
        elif _is_changed(row, seeds.get(name, value.seconds)):
            _task_only(row, value)
            kept.append(name)
        else:
            if _seconds(row) != value.seconds:
                followed.append(name)
            _write(row, value, value.seconds)
    _remember(first)
    removed = sorted(seeds.keys() - first.keys())
    PeriodicTask.objects.filter(name__in=removed).delete()
    ScheduleSeed.objects.filter(name__in=removed).delete()
    PeriodicTasks.update_changed()
    return Seeded(tuple(added), tuple(followed), tuple(kept), tuple(removed))


@transaction.atomic
def schedule_change(*, name: str, seconds: int, enabled: bool) -> PeriodicTask:
    """Let an entry of ours run every ``seconds``, or not at all.

    Beat notices within five seconds. Raises ConfigurationError for an unknown name, an
    interval out of bounds, or an entry that the system cannot do without.
    """
    first = first_values().get(name)
    row = PeriodicTask.objects.select_for_update().filter(name=name).first()
    if first is None or row is None:
        raise ConfigurationError(
            _("There is no scheduled work called “%(name)s”.") % {"name": name}
        )
    bounds = bounds_of(name, first.seconds)
    problem = interval_problem(name, seconds, bounds)
    if not problem and bounds.needed and not enabled:
        problem = needed_problem(name)
    if problem:
        raise ConfigurationError(problem)
    # Not save(): beat writes the moment of the last run into the same row.
    PeriodicTask.objects.filter(pk=row.pk).update(
        interval=_interval(seconds), enabled=enabled, expire_seconds=None
    )
    PeriodicTasks.update_changed()
    row.refresh_from_db()
    return row


def needed_problem(name: str) -> str:
    """Return why an entry cannot be switched off."""
    return _(
        "“%(name)s” cannot be switched off: without it messages stay behind or troubles"
        " unnoticed. Choose a longer interval instead."
    ) % {"name": name}


def _add(name: str, value: FirstValue) -> None:
    PeriodicTask.objects.create(
        name=name, task=value.task, interval=_interval(value.seconds)
    )


def _is_changed(row: PeriodicTask, seeded: float) -> bool:
    """Tell whether the interval is another than the one that we wrote."""
    return row.interval is None or _seconds(row) != seeded


def _seconds(row: PeriodicTask) -> float | None:
    if row.interval is None:
        return None
    return float(row.interval.schedule.run_every.total_seconds())


def _task_only(row: PeriodicTask, value: FirstValue) -> None:
    PeriodicTask.objects.filter(pk=row.pk).update(task=value.task)


def _write(row: PeriodicTask, value: FirstValue, seconds: float) -> None:
    # An expiry of earlier releases: now it follows the interval.
    PeriodicTask.objects.filter(pk=row.pk).update(
        task=value.task, interval=_interval(seconds), expire_seconds=None
    )


def _interval(seconds: float) -> IntervalSchedule:
    found = IntervalSchedule.objects.filter(
        every=round(seconds), period=IntervalSchedule.SECONDS
    ).first()
    if found is not None:
        return found
    return IntervalSchedule.objects.create(
        every=round(seconds), period=IntervalSchedule.SECONDS
    )


def _remember(first: Mapping[str, FirstValue]) -> None:
    ScheduleSeed.objects.bulk_create(
        [
            ScheduleSeed(name=name, seconds=value.seconds)
            for name, value in first.items()
        ],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["seconds"],
    )
