"""Shared processes that do not react, and those that are only slow."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt.leases.models import StrategyLease
from freqtrade_mgmt.supervisor import ending, hosting_runner
from freqtrade_mgmt.supervisor.service import Supervisor
from strategies.models import Strategy, StrategyProcess
from strategies.services import strategy_stop
from tests.freqtrade_mgmt.hosting.world import (
    hosted_again,
    hosted_in,
    rows_of,
    runners_of,
    wanted,
)
from tests.freqtrade_mgmt.supervising import state_of, supervising, until
from tests.local.helpers import is_gone

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
]


async def made(*class_names: str) -> list[Strategy]:
    return await sync_to_async(
        lambda: [wanted(f"s{n}", name) for n, name in enumerate(class_names)]
    )()


async def test_the_supervisor_ends_in_time_with_one_that_is_suspended(
    hosting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "STOP_DEADLINE", 2.0)
    strategies = await made("Always", "Always")
    stop = asyncio.Event()
    supervisor = asyncio.create_task(Supervisor().run(stop))
    for each in strategies:
        await until(partial(hosted_in, each), "sharing")
    (runner,) = runners_of(hosting_home)

    runner.suspend()
    stop.set()
    _done, waiting = await asyncio.wait([supervisor], timeout=20)
    ended = is_gone(runner.pid)
    if not ended:
        runner.kill()
    await supervisor

    assert not waiting
    assert ended
    assert not await StrategyProcess.objects.filter(stop_time=None).aexists()
    assert not await StrategyLease.objects.exclude(node=None).aexists()


async def test_one_that_answers_slowly_again_and_again_is_not_silent(
    hosting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Six are let go of one after the other, a second each.
    monkeypatch.setattr(hosting_runner, "SILENT_SECONDS", 3.0)
    monkeypatch.setattr(hosting_runner, "LIST_SECONDS", 0.5)
    stays, *slow = await made("Always", *["Slow"] * 6)

    async with supervising():
        for each in (stays, *slow):
            await until(partial(hosted_in, each), "sharing")
        for each in slow:
            await sync_to_async(strategy_stop)(each.pk)
        for each in slow:
            await until(lambda each=each: state_of(each) == "stopped", "stopping")  # type: ignore[misc]
        assert await sync_to_async(hosted_in)(stays)
        (row,) = await sync_to_async(rows_of)(stays)
        assert row.stop_time is None

    for each in slow:
        (row,) = await sync_to_async(rows_of)(each)
        assert row.resource_usage["reason"] == "it is no longer wanted"


async def test_one_that_does_not_let_go_of_what_another_node_runs_is_killed(
    hosting_home: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long before it is replaced because of its silence.
    monkeypatch.setattr(hosting_runner, "LET_GO_SECONDS", 1.0)
    settings.LEASE_SECONDS = 12
    lost, stays = await made("Always", "Always")

    async with supervising():
        for each in (lost, stays):
            await until(partial(hosted_in, each), "sharing")
        (runner,) = runners_of(hosting_home)
        runner.suspend()
        lease = StrategyLease.objects.filter(strategy_id=lost.pk)
        await lease.aupdate(node="elsewhere")
        await until(lambda: is_gone(runner.pid), "its end", 12)
        # Nobody's fault: it shares a process again.
        await until(partial(hosted_again, stays, 2), "sharing again")

    (row,) = await sync_to_async(rows_of)(lost)
    # Whoever notices first, the loop or the keeper of the leases.
    reasons = {"another node runs it now", "it is no longer wanted"}
    assert row.resource_usage["reason"] in reasons
