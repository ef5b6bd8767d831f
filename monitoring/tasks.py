"""Work that happens by itself."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from monitoring.backups.followed import backup_followed, trial_followed
from monitoring.backups.services import backups_watch
from monitoring.backups.shapes import BackupBusyError
from monitoring.database.samples import sample_take
from monitoring.errors.services import errors_tell
from monitoring.heartbeats.outside import outside_ping
from monitoring.metrics.keeping import metrics_average
from monitoring.metrics.round import metrics_round
from monitoring.partitions.followed import rotation_followed
from monitoring.watch.round import watch_round


@shared_task
def rotate_partitions() -> None:
    """Keep the months and delete what is old; fails when a table could not be done."""
    rotation_followed()


@shared_task(ignore_result=True)
def rotation_now(*, run: str, by: str) -> None:
    """Do the same because somebody asked; ``run`` is what their page follows."""
    rotation_followed(number=run, by=by)


@shared_task(ignore_result=True)
def tell_errors() -> dict[str, int]:
    """Tell of new groups of errors; return the figures."""
    return errors_tell(timezone.now())


@shared_task(ignore_result=True)
def sample_database() -> dict[str, Any]:
    """Measure PostgreSQL and Redis for the charts of their page; return the sample."""
    return sample_take(timezone.now())


@shared_task(ignore_result=True)
def collect_metrics() -> dict[str, Any]:
    """Measure the system once; return the figures."""
    return metrics_round(timezone.now()).as_dict()


@shared_task(ignore_result=True)
def average_metrics() -> dict[str, int]:
    """Average the full hours and drop what is older than is kept."""
    return metrics_average(timezone.now())


@shared_task(ignore_result=True)
def ping_outside() -> dict[str, str]:
    """Tell a service outside that all is well, or that it is not."""
    return outside_ping()


@shared_task(ignore_result=True)
def backup() -> str:
    """Make the daily backup and restore it on trial; return how it ended."""
    try:
        return backup_followed().name
    except BackupBusyError:
        return "busy"


@shared_task(ignore_result=True)
def backup_now(*, run: str, by: str) -> str:
    """Make a backup because somebody asked; ``run`` is what their page follows."""
    try:
        return backup_followed(number=run, by=by).name
    except BackupBusyError:
        return "busy"


@shared_task(ignore_result=True)
def trial_now(*, name: str, run: str, by: str) -> str:
    """Restore a backup on trial because somebody asked; return how it ended."""
    try:
        return trial_followed(name, number=run, by=by).name
    except BackupBusyError:
        return "busy"


@shared_task(ignore_result=True)
def watch_backups() -> str:
    """Tell what is wrong with the backups, and make the one that was missed."""
    return backup() if backups_watch() else "ok"


@shared_task(ignore_result=True)
def watch_servers() -> dict[str, str]:
    """Tell what is wrong with PostgreSQL, Redis and the disks; return what was done."""
    return watch_round(timezone.now())
