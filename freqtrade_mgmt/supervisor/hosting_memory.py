"""What a process and its children hold, shared pages counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from freqtrade_mgmt.supervisor.identity import ProcessKey

MEGABYTE = 1_000_000


def held_mb(key: ProcessKey) -> float:
    """Return what a process and its children hold in MB, 0 when it has ended.

    Pages that several of them share count once. Where the kernel does not tell how many
    share a page, those of the children that could be shared are left out.
    """
    try:
        main = psutil.Process(key.pid)
        if not key.names(main):
            return 0.0
        family = [main, *main.children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(_held(each, is_main=main is each) for each in family) / MEGABYTE


def cpu_seconds(key: ProcessKey) -> float | None:
    """Return the seconds of processor that a process and its children used, ever.

    Children that have ended count; None when the process has ended.
    """
    try:
        main = psutil.Process(key.pid)
        if not key.names(main):
            return None
        own = main.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        family = main.children(recursive=True)
    except psutil.Error:
        return None
    for child in family:
        try:
            times = child.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return float(total)


def _held(process: psutil.Process, *, is_main: bool) -> float:
    try:
        return float(process.memory_full_info().pss)
    except (psutil.Error, OSError, AttributeError):
        pass
    try:
        about = process.memory_info()
    except psutil.Error:
        return 0.0
    return float(about.rss if is_main else max(0, about.rss - about.shared))
