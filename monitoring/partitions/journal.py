"""What the latest rotations did, for the page; kept in Redis, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone

from monitoring.runs.cache import rotation_add, rotations_read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitoring.partitions.retention import Retained
    from monitoring.partitions.rotation import TableRotation

# Who asked for a rotation that was started in a terminal.
COMMAND: Final = "manage.py"


@dataclass(frozen=True, slots=True)
class Noted:
    """One rotation: ``tables`` as TableRotation.figures() has them.

    ``by`` is "" for the schedule; ``deleted`` the old rows by table.
    """

    at: datetime
    seconds: float
    by: str
    tables: tuple[Mapping[str, Any], ...]
    deleted: Mapping[str, int]
    error: str


def rotation_note(
    rotations: Sequence[TableRotation],
    *,
    started: datetime,
    by: str,
    retained: Sequence[Retained] = (),
    error: str = "",
) -> None:
    """Keep what a rotation did; one that another kept from working did nothing."""
    if rotations and all(rotation.busy for rotation in rotations):
        return
    figures = [rotation.figures() for rotation in rotations]
    for each in figures:
        # It was the plan; what came of it is in the other figures.
        del each["plan"]
    rotation_add(
        {
            "at": started.isoformat(),
            "seconds": (timezone.now() - started).total_seconds(),
            "by": by,
            "tables": figures,
            "deleted": {each.table: each.deleted for each in retained if each.deleted},
            "error": error,
        }
    )


def rotations_noted() -> list[Noted]:
    """Return the latest rotations, the newest first; empty without Redis."""
    return [
        Noted(
            at=datetime.fromisoformat(values["at"]),
            seconds=values["seconds"],
            by=values["by"],
            tables=tuple(values["tables"]),
            deleted=values["deleted"],
            error=values["error"],
        )
        for values in rotations_read()
    ]
