"""Installations carried out in a test, and what is left of them."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import psutil

from btc_watcher.lib.process_list import processes_now
from freqtrade_mgmt.installer.child import INSTALL_MARK
from freqtrade_mgmt.services import freqtrade_root, install_request, releases_refresh
from freqtrade_mgmt.supervisor.carrying import install_carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from freqtrade_mgmt.models import FreqtradeUpgrade

WAY = [
    "asked",
    "begun",
    "look_up",
    "environment",
    "download",
    "build",
    "compile",
    "verify",
    "trial",
    "run",
    "measured",
    "done",
]


def carried(
    version: str,
    *,
    proxy: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    told: Callable[[Mapping[str, Any]], None] = lambda _progress: None,
) -> tuple[FreqtradeUpgrade, list[str]]:
    """Ask for an installation and carry it out; return its row and its lines."""
    releases_refresh()
    row = install_request(version, proxy=proxy)
    lines: list[str] = []
    install_carry_out(row.pk, seen=None, stop=stop, say=lines.append, told=told)
    row.refresh_from_db()
    return row, lines


def steps(row: FreqtradeUpgrade) -> list[str]:
    return [step["step"] for step in row.migration_log["steps"]]


def left() -> list[str]:
    """Return what lies in the folder of environments, but the lock."""
    found = freqtrade_root().iterdir() if freqtrade_root().is_dir() else ()
    return sorted(path.name for path in found if path.name != ".lock")


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in processes_now():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(INSTALL_MARK) == mark:
                found.append(process)
    return found


def installing(mark: str) -> list[psutil.Process]:
    """Return the tools that install at this moment; they wait for the index."""
    with contextlib.suppress(psutil.Error):
        return [each for each in marked(mark) if "install" in each.cmdline()]
    return []


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:.0f} s"
        time.sleep(0.1)
    return found
