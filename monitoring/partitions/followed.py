"""A rotation that a page can follow, as workers do it: partitions, then old rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.partitions import PartitionError
from monitoring.partitions.journal import rotation_note
from monitoring.partitions.retention import retention_apply
from monitoring.partitions.rotation import partitions_rotate
from monitoring.runs.following import ROTATION, followed

if TYPE_CHECKING:
    from monitoring.partitions.rotation import TableRotation


def rotation_followed(*, number: str = "", by: str = "") -> list[TableRotation]:
    """Rotate the partitions and delete old rows; note what was done.

    ``number`` is the run that ``by`` asked for, "" when nobody did. PartitionError when
    a table could not be done; the others are done all the same.
    """
    started = timezone.now()
    with followed(ROTATION, "rotation", number=number, by=by) as run:
        try:
            run.say(_("Rotating the partitions"), "")
            rotations = partitions_rotate()
            run.say(_("Deleting old rows"), "")
            retained = retention_apply(timezone.now())
        except BtcWatcherError as error:
            rotation_note([], started=started, by=by, error=error.message)
            raise
        rotation_note(rotations, started=started, by=by, retained=retained)
        errors = [rotation.error for rotation in rotations if rotation.error]
        if errors:
            raise PartitionError(" ".join(errors))
    return rotations
