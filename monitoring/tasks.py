"""Work that happens by itself."""

from __future__ import annotations

from celery import shared_task

from btc_watcher.lib.partitions import PartitionError
from monitoring.services import partitions_rotate


@shared_task
def rotate_partitions() -> None:
    """Make the partitions of the coming months; fails when a table could not be done."""
    errors = [rotation.error for rotation in partitions_rotate() if rotation.error]
    if errors:
        raise PartitionError(" ".join(errors))
