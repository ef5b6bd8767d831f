"""Running a supervisor in a test, and waiting for what it does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.process_list import processes_now
from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source
from freqtrade_mgmt.supervisor.processes import RUN_MARK
from freqtrade_mgmt.supervisor.service import Supervisor
from strategies.models import Strategy, StrategyProcess
from strategies.services import strategy_create

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


def demo(
    number: int = 0,
    freqtrade_config: dict[str, Any] | None = None,
    **config: Any,
) -> Strategy:
    """Make one of the demonstration's strategies, with two pairs."""
    chosen = DEMO_STRATEGIES[number]
    return strategy_create(
        name=chosen.name,
        freqtrade_config=freqtrade_config,
        config={
            "class_name": chosen.class_name,
            "code": demo_source(chosen),
            "exchange": "simulated",
            "pairs": list(chosen.pairs[:2]),
            "timeframe": "1m",
            **config,
        },
    )


@contextlib.asynccontextmanager
async def supervising() -> AsyncIterator[None]:
    """Run a supervisor in this process."""
    stop = asyncio.Event()
    task = asyncio.create_task(Supervisor().run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 40)


async def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait until the database says so."""
    deadline = time.monotonic() + seconds
    while True:
        found = await sync_to_async(condition)()
        if found:
            return found
        if task := next((t for t in asyncio.all_tasks() if t.done()), None):
            task.result()
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:.0f} s"
        await asyncio.sleep(0.1)


def state_of(strategy: Strategy) -> str:
    return Strategy.objects.get(pk=strategy.pk).status


def open_process(strategy: Strategy) -> StrategyProcess | None:
    return StrategyProcess.objects.filter(strategy=strategy, stop_time=None).last()


def is_running(strategy: Strategy) -> bool:
    return state_of(strategy) == "running"


@contextlib.contextmanager
def supervisor_of_its_own(settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a supervisor as a process, which is killed in the end."""
    home: Path = settings.BTCW_HOME
    database = connection.settings_dict
    address = (
        f"postgres://{database['USER']}:{database['PASSWORD']}"
        f"@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
    environment = dict(os.environ) | {  # noqa: TID251 - for a child of ours
        "DATABASE_URL": address,
        "REDIS_URL": settings.REDIS_URL,
        "BTCW_HOME": str(home),
        "BTCW_SIMULATOR_URL": settings.SIMULATOR_URL,
        "BTCW_RUNNERS": "1" if settings.RUNNERS else "0",
        "BTCW_DB_POOL_MIN": "1",
    }
    with (home / "supervisor.log").open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "manage.py", "run_supervisor"],
            cwd=BASE_DIR,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield supervisor
    finally:
        supervisor.kill()
        supervisor.wait()


def reason_of(strategy: Strategy) -> str:
    """Return why a strategy is not well, in words."""
    found = Strategy.objects.get(pk=strategy.pk).health_metrics.get("reason", "")
    return str(found)


async def adopted(strategy: Strategy) -> StrategyProcess:
    """Wait until the supervisor of now has taken over a bot, and proven it."""
    moment = timezone.now()

    def taken() -> StrategyProcess | None:
        row = open_process(strategy)
        seen = row is not None and row.last_heartbeat > moment
        return row if seen and is_running(strategy) else None

    return await until(taken, "adoption")  # type: ignore[no-any-return]


def carrying(home: Path) -> list[psutil.Process]:
    """Return the living bots and shared processes of a home, whoever knows of them."""
    folders = (str(home / "bots"), str(home / "runners"))
    found = []
    for process in processes_now():
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            mine = environment.get("HOME", "").startswith(folders)
            if mine and RUN_MARK in environment:
                found.append(process)
    return found
