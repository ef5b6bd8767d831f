"""Memory: resident set of each process of ``make up`` when idle, and of each bot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from btc_watcher.env import BASE_DIR, HOME
from btc_watcher.local import ports
from btc_watcher.local.environment import LocalEnvironment
from tests.benchmarks.output import report

if TYPE_CHECKING:
    from collections.abc import Callable

READY_SECONDS = 240
BOTS = 3
SETTLED_SECONDS = 20
MB = 1_000_000


def main() -> None:
    """Start the whole system, wait until its bots run, and look."""
    LocalEnvironment(HOME).prepare_home()
    kept = BASE_DIR / "var" / "test-freqtrade"
    if kept.is_dir():
        (HOME / "freqtrade").symlink_to(kept)
    output = HOME.parent / "memory-up.txt"
    variables = dict(os.environ) | {  # noqa: TID251 - for a child
        "BTCW_PORT": str(ports.any_free()),
        # What a bot of its own holds; hundred.py measures the shared ones.
        "BTCW_RUNNERS": "0",
    }
    with output.open("wb") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "btc_watcher.local", "up"],
            cwd=BASE_DIR,
            env=variables,
            stdout=said,
            stderr=said,
        )
    try:
        _wait(lambda: "is ready at" in output.read_text(), "make up")
        _wait(lambda: len(_bots()) == BOTS, "the bots")
        time.sleep(SETTLED_SECONDS)
        bots = [_rss(process) for process in _bots()]
        report(
            "memory",
            unit="MB resident",
            processes={
                name: _rss(psutil.Process(pid)) for name, pid in _roster().items()
            },
            bots=bots,
            per_bot=round(sum(bots) / len(bots), 1),
        )
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(90)


def _roster() -> dict[str, int]:
    entries = json.loads((HOME / "run" / "processes.json").read_text())
    return {name: int(entry["pid"]) for name, entry in entries.items()}


def _bots() -> list[psutil.Process]:
    supervisor = psutil.Process(_roster()["supervisor"])
    return [child for child in supervisor.children() if child.status() != "zombie"]


def _rss(process: psutil.Process) -> float:
    # PostgreSQL and a shell in between count with all their children.
    family = [process, *process.children(recursive=True)]
    if "run_supervisor" in " ".join(process.cmdline()):
        family = [process]
    return round(sum(member.memory_info().rss for member in family) / MB, 1)


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come in {READY_SECONDS} s.")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
