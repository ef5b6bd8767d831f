"""The machine: room on the disk and in memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import psutil
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning

GB: Final = 1024**3
# Gigabytes and part of the whole below which there is too little.
DISK_LOW, DISK_FULL = (5.0, 0.15), (1.0, 0.04)
# Below this nothing works for long, however small the disk.
DISK_LEAST: Final = 200 * 1024**2
MEMORY_LOW, MEMORY_FULL = 0.1, 0.04


@check("machine.disk", gettext_lazy("Disk"))
def disk(_facts: Facts) -> Finding:
    """There is room where state and backups are kept."""
    places = {Path(settings.BTCW_HOME), Path(settings.BACKUP_FOLDER)}
    usages = [shutil.disk_usage(path) for path in places if path.exists()]
    least = min(usages, key=lambda usage: usage.free)
    return disk_finding(least.free, least.total)


@check("machine.memory", gettext_lazy("Memory"))
def memory(_facts: Facts) -> Finding:
    """Bots are not killed for want of memory."""
    found = psutil.virtual_memory()
    return memory_finding(found.available, found.total)


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
