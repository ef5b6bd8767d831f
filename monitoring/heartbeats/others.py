"""Processes of this machine that cannot speak for themselves: bots, embedded servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psutil
from django.conf import settings

from btc_watcher.local.processes import running_processes
from freqtrade_mgmt.supervisor.identity import ProcessKey
from strategies.selectors import processes_open

if TYPE_CHECKING:
    from collections.abc import Iterator

# The name in the list that the one-command system keeps, and the component.
SERVERS: Final = {"postgres": "database", "valkey": "redis"}


def groups_here() -> dict[str, list[psutil.Process]]:
    """Return the processes of freqtrade, and of the servers that run here.

    Servers elsewhere are not seen: what they say of themselves is measured then.
    Raises Django's database errors.
    """
    return {"freqtrade": list(_bots())} | _servers()


def _bots() -> Iterator[psutil.Process]:
    """Return the bots of this machine: a row names its process for certain.

    One that many strategies share has a row for each, and processes of its own.
    """
    seen: set[int] = set()
    for row in processes_open().exclude(pid=None):
        created = row.resource_usage.get("create_time")
        if created is None:
            continue
        origin = str(row.resource_usage.get("origin") or "")
        key = ProcessKey(int(row.pid or 0), float(created), origin)
        if key.pid in seen:
            continue
        try:
            process = psutil.Process(key.pid)
            if not key.names(process):
                continue
            seen.add(key.pid)
            yield process
            if row.resource_usage.get("runner"):
                yield from process.children(recursive=True)
        except psutil.Error:
            continue


def _servers() -> dict[str, list[psutil.Process]]:
    found: dict[str, list[psutil.Process]] = {}
    for name, identity in running_processes(settings.BTCW_HOME).items():
        process = identity.process() if name in SERVERS else None
        if process is None:
            continue
        try:
            found[SERVERS[name]] = [process, *process.children(recursive=True)]
        except psutil.Error:
            continue
    return found
