"""A home with a release whose programs are fakes: bots, and runners."""

from __future__ import annotations

import contextlib
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from django.utils import timezone

from btc_watcher.lib.process_list import processes_now
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.supervisor.processes import RUN_MARK
from signals_app.models import Signal
from strategies.models import Strategy, StrategyProcess
from strategies.services import strategy_create, strategy_start

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent
FAKE_BOT = FOLDER.parent / "fake_freqtrade.py"
FAKE_RUNNER = FOLDER / "fake_runner.py"
CODE = """
from freqtrade.strategy import IStrategy


class {name}(IStrategy):
    timeframe = "1m"
"""


def release_fake(folder: Path, version: str = "2026.9") -> None:
    """Record a release whose interpreter runs the fakes, whatever it is given."""
    python = folder / version / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/bin/sh\n"
        f'case "$2" in */program/main.py) exec {sys.executable} {FAKE_RUNNER} "$@";; esac\n'
        f'exec {sys.executable} {FAKE_BOT} "$@"\n'
    )
    python.chmod(0o755)
    FreqtradeVersion.objects.create(
        version=version,
        is_installed=True,
        install_date=timezone.now(),
        install_path=str(folder / version),
    )


def wanted(name: str, class_name: str = "Always", **more: Any) -> Strategy:
    """Make a strategy that shall run; what its class is called decides its fate."""
    strategy = strategy_create(
        name=name,
        config={
            "class_name": class_name,
            "code": CODE.format(name=class_name),
            "exchange": "simulated",
            "pairs": ["BTC/USDT"],
            "timeframe": "1m",
            "strength": {"default": 90},
        },
        **more,
    )
    return strategy_start(strategy.pk)


def rows_of(strategy: Strategy) -> list[StrategyProcess]:
    """Return the processes of a strategy, the first first."""
    return list(StrategyProcess.objects.filter(strategy=strategy).order_by("id"))


def now_of(strategy: Strategy) -> StrategyProcess | None:
    """Return the open row of a strategy that runs."""
    row = StrategyProcess.objects.filter(strategy=strategy, stop_time=None).last()
    status = Strategy.objects.get(pk=strategy.pk).status
    return row if row is not None and row.pid and status == "running" else None


def hosted_in(strategy: Strategy) -> str:
    """Return the shared process in which a strategy runs now, empty: in none."""
    row = now_of(strategy)
    return "" if row is None else str(row.resource_usage.get("runner") or "")


def hosted_again(strategy: Strategy, starts: int) -> bool:
    """Tell whether a strategy runs in a shared process since its n-th start."""
    return len(rows_of(strategy)) == starts and bool(hosted_in(strategy))


def own_now(strategy: Strategy) -> StrategyProcess | None:
    """Return the row of a strategy that runs in a process of its own now."""
    row = now_of(strategy)
    return None if row is None or row.resource_usage.get("runner") else row


def note_of(strategy: Strategy) -> dict[str, Any]:
    """Return what was stored when a strategy was moved out."""
    metrics = Strategy.objects.get(pk=strategy.pk).health_metrics
    return metrics.get("own_process") or {}


def signals_of(strategy: Strategy) -> set[Any]:
    """Return the candles of which a signal is stored."""
    rows = Signal.objects.filter(strategy_id=strategy.pk)
    return set(rows.values_list("timestamp", flat=True))


def none_missing(strategy: Strategy) -> bool:
    """Tell whether every minute between the first and the last signal has one."""
    stamps = sorted(signals_of(strategy))
    passed = {(b - a).total_seconds() for a, b in itertools.pairwise(stamps)}
    return passed == {60.0}


def runners_of(home: Path) -> list[psutil.Process]:
    """Return the living runners of a home, whoever knows of them."""
    found = []
    for process in processes_now():
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            mine = environment.get("HOME", "").startswith(str(home / "runners"))
            if mine and RUN_MARK in environment:
                found.append(process)
    return found


@contextlib.contextmanager
def tidied(home: Path) -> Iterator[None]:
    """Kill the bots and runners that a test which failed left behind."""
    try:
        yield
    finally:
        for process in processes_now():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("HOME", "").startswith(f"{home}/"):
                    process.kill()
