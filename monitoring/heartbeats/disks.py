"""The disks that state and backups are on, here and on the other machines."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings

from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.heartbeats.store import Seen
    from monitoring.heartbeats.watch import Limits

# What other machines measure; they have paths of their own.
ELSEWHERE: Final = "BTCW_HOME"


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk by a folder on it; bytes, of which ``free`` can still be written."""

    host: str
    path: str
    free: int
    total: int

    @property
    def percent(self) -> int:
        """How full it is."""
        return round(100 * (1 - self.free / self.total))


def disks_here() -> list[Disk]:
    """Return those of this machine, each once; OSError when one cannot be asked."""
    found: dict[int, Disk] = {}
    home = Path(settings.BTCW_HOME)
    # Before the first start it is not there; where it will be is known.
    home = next((each for each in (home, *home.parents) if each.exists()), home)
    for path in (home, Path(settings.BACKUP_FOLDER)):
        if path.exists():
            usage = shutil.disk_usage(path)
            disk = Disk(settings.NODE_NAME, str(path), usage.free, usage.total)
            # Two folders of one disk are one trouble.
            found.setdefault(path.stat().st_dev, disk)
    return list(found.values())


def disks_elsewhere() -> list[Disk]:
    """Return those of the other machines, as their processes tell; database errors."""
    return disks_told(beats_read(), limits(), here=settings.NODE_NAME)


def disks_told(rows: Iterable[Seen], bounds: Limits, *, here: str) -> list[Disk]:
    """Return what living processes of machines other than ``here`` tell. Pure."""
    found: dict[str, tuple[float, Disk]] = {}
    for row in rows:
        machine = row.figures.get("machine")
        if row.host == here or not is_alive(row, bounds):
            continue
        free, total = (
            machine.get(name) if isinstance(machine, dict) else None
            for name in ("disk_free", "disk_total")
        )
        if not isinstance(free, int) or not isinstance(total, int) or total <= 0:
            continue
        newest = found.get(row.host)
        if newest is None or row.age_s < newest[0]:
            found[row.host] = row.age_s, Disk(row.host, ELSEWHERE, free, total)
    return [disk for _age, disk in found.values()]
