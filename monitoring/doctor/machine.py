"""The machine: room on the disk and in memory."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Final

import psutil
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from monitoring.doctor.shapes import Facts, Finding, State, check, failed, ok, warning
from monitoring.heartbeats.disks import Disk, disks_elsewhere, disks_here

GB: Final = 1024**3
# Gigabytes and part of the whole below which there is too little.
DISK_LOW, DISK_FULL = (5.0, 0.15), (1.0, 0.04)
# Below this nothing works for long, however small the disk.
DISK_LEAST: Final = 200 * 1024**2
MEMORY_LOW, MEMORY_FULL = 0.1, 0.04
WORSE: Final = (State.OK, State.WARNING, State.FAILED)


@check("machine.disk", gettext_lazy("Disk"))
def disk(facts: Facts) -> Finding:
    """There is room where state and backups are kept, here and on other machines."""
    disks, asked = disks_here(), False
    # Without the database this machine is judged all the same.
    if facts.has_database():
        with contextlib.suppress(DatabaseError):
            disks += disks_elsewhere()
            asked = True
    found = disks_finding(disks, here=settings.NODE_NAME)
    if asked:
        return found
    here_only = _("Other machines were not asked: the database does not answer.")
    return replace(found, words=f"{found.words} {here_only}")


@check("machine.memory", gettext_lazy("Memory"))
def memory(_facts: Facts) -> Finding:
    """Bots are not killed for want of memory."""
    found = psutil.virtual_memory()
    return memory_finding(found.available, found.total)


def disks_finding(disks: list[Disk], *, here: str) -> Finding:
    """Return the finding for the disk that is worst off. Pure."""
    found = [(disk_finding(disk.free, disk.total), disk) for disk in disks]
    worst, disk = max(
        found, key=lambda each: (WORSE.index(each[0].state), -each[1].free)
    )
    if disk.host == here:
        return worst
    told = {"host": disk.host, "words": worst.words}
    return replace(worst, words=_("On %(host)s: %(words)s") % told)


def disk_finding(free: int, total: int) -> Finding:
    """Return the finding for bytes that are free, of all. Pure."""
    facts = {"free": f"{free / GB:.1f}", "percent": f"{100 * free / total:.0f}"}
    cure = _("Make room: old backups, logs of bots, freqtrade versions nobody uses.")
    words, value = _("%(free)s GB are free (%(percent)s %%).") % facts, facts["free"]
    if free < DISK_LEAST or _is_little(free, total, DISK_FULL):
        return failed(words, cure, value)
    if _is_little(free, total, DISK_LOW):
        return warning(words, cure, value)
    return ok(words, value)


def memory_finding(free: int, total: int) -> Finding:
    """Return the finding for bytes that are free, of all. Pure."""
    facts = {"free": f"{free / GB:.1f}", "percent": f"{100 * free / total:.0f}"}
    cure = _(
        "Run fewer bots, or set BTCW_BOT_MEMORY_MB; the page System shows who holds it."
    )
    words, value = _("%(free)s GB are free (%(percent)s %%).") % facts, facts["free"]
    if free < total * MEMORY_FULL:
        return failed(words, cure, value)
    if free < total * MEMORY_LOW:
        return warning(words, cure, value)
    return ok(words, value)


def _is_little(free: int, total: int, limits: tuple[float, float]) -> bool:
    """Both, so that neither a huge nor a tiny disk raises an alarm by itself."""
    gigabytes, part = limits
    return free < gigabytes * GB and free < total * part
