"""Where backups are made: workers that take their tasks say so with each sign of life.

Each has a folder of its own, so one machine makes them. A folder has a mark, by which
whoever sees it too, from another machine or container, knows that it is that one. A copy
has the same mark and counts as the same: nothing that all file systems tell alike, as an
inode is not told alike by network disks, would tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from monitoring.backups import store
from monitoring.heartbeats.models import Role
from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import is_alive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.heartbeats.store import Seen

FIGURE: Final = "backups"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which workers of ``nodes`` make backups; ``mark`` is "" if it has none."""

    nodes: tuple[str, ...]
    folder: str
    mark: str
    is_here: bool

    @property
    def names(self) -> str:
        """The machines, as a sentence has them."""
        return ", ".join(self.nodes)


def place_figures() -> dict[str, Any]:
    """Return what a worker that takes the tasks of backups adds to its signs of life."""
    return {
        FIGURE: {
            "folder": str(settings.BACKUP_FOLDER),
            "mark": store.mark(make=True),
        }
    }


def places_read() -> list[Place]:
    """Return where backups are made now; one, when all is well.

    Raises Django's database errors.
    """
    bounds = limits()
    rows = [row for row in beats_read() if is_alive(row, bounds)]
    here = store.mark() or ("" if store.answers() else None)
    return places_of(rows, here)


def places_of(rows: Sequence[Seen], mark_here: str | None) -> list[Place]:
    """Return the places of workers that live, by their machines.

    Machines that share a folder are one place. ``mark_here`` is of the folder that we
    see, "" if it has none, None if it cannot be looked at.
    """
    found: dict[str, tuple[str, str, set[str]]] = {}
    for row in rows:
        told = row.figures.get(FIGURE)
        if row.role != Role.WORKER or not isinstance(told, dict):
            continue
        folder, mark = str(told.get("folder", "")), str(told.get("mark", ""))
        key = mark or f"{row.host}:{folder}"
        found.setdefault(key, (folder, mark, set()))[2].add(row.host)
    places = [
        Place(
            tuple(sorted(nodes)), folder, mark, _is_here(folder, mark, nodes, mark_here)
        )
        for folder, mark, nodes in found.values()
    ]
    return sorted(places, key=lambda place: place.nodes)


def tells_here(places: Sequence[Place]) -> bool:
    """Whether the folder that we see is one whose troubles are told.

    While nobody makes backups that is the setting's business.
    """
    if not places:
        return bool(settings.BACKUP_HERE)
    return any(place.is_here for place in places)


def elsewhere(places: Sequence[Place]) -> Place | None:
    """Return where backups are made, if that is a folder that is not seen from here."""
    if not places or any(place.is_here for place in places):
        return None
    return places[0]


def _is_here(folder: str, mark: str, nodes: set[str], mark_here: str | None) -> bool:
    # A folder that was in use and fails now is told of where it was in use.
    if mark and mark_here is not None:
        return mark == mark_here
    return folder == str(settings.BACKUP_FOLDER) and settings.NODE_NAME in nodes
