"""``make clean``: removes ``BTCW_HOME``, and only when it is certainly ours and unused."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from btc_watcher.local.environment import is_ours
from btc_watcher.local.lock import holder, up_lock
from btc_watcher.local.processes import end_previous
from btc_watcher.local.servers import EmbeddedPostgres, EmbeddedValkey
from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from pathlib import Path

    from btc_watcher.local.terminal import Terminal


def clean(home: Path, terminal: Terminal) -> None:
    """Remove ``home`` with everything in it; LocalError when it is not ours or in use."""
    if not home.exists():
        terminal.line(f"{home} does not exist; there is nothing to remove.")
        return
    if not is_ours(home):
        raise LocalError(
            f"{home} was not made by BTC Watcher, so it is not removed. Check BTCW_HOME."
        )
    if (pid := holder(home)) is not None:
        raise LocalError(f"BTC Watcher runs on {home} (pid {pid}). Stop it first.")
    with up_lock(home), terminal.step(f"Removing {home}"):
        end_previous(home)
        for kind, name in ((EmbeddedPostgres, "postgres"), (EmbeddedValkey, "valkey")):
            if (home / name).is_dir():
                kind(home / name, home / "log" / f"{name}.log").end_leftovers()
        shutil.rmtree(home)
