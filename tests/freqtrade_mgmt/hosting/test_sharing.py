"""The supervisor and strategies that share a process: the usual life."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt.supervisor import hosting_runner, plan
from strategies.models import Strategy
from strategies.services import strategy_restart, strategy_stop
from tests.freqtrade_mgmt.hosting.world import (
    hosted_again,
    hosted_in,
    none_missing,
    now_of,
    own_now,
    release_fake,
    rows_of,
    runners_of,
    signals_of,
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


def is_stopped(strategy: Strategy) -> bool:
    return state_of(strategy) == "stopped"


async def many(count: int) -> list[Strategy]:
    return await sync_to_async(lambda: [wanted(f"s{n}") for n in range(count)])()


async def test_strategies_that_only_watch_share_one_process(hosting_home: Path) -> None:
    strategies = await many(5)

    async with supervising():
        names = [
            await until(partial(hosted_in, each), "sharing") for each in strategies
        ]
        rows = [await until(partial(now_of, each), "a row") for each in strategies]
        assert set(names) == {"simulated-1"}
        assert len({row.pid for row in rows}) == 1
        assert len(runners_of(hosting_home)) == 1
        for each in strategies:
            await until(partial(signals_of, each), "signals")

    assert is_gone(rows[0].pid)
    assert runners_of(hosting_home) == []
    for each in strategies:
        (row,) = await sync_to_async(rows_of)(each)
        assert row.stop_time is not None
        assert await sync_to_async(state_of)(each) == "running"


async def test_one_that_trades_and_one_that_asks_have_processes_of_their_own(
    hosting_home: Path,
) -> None:
    trades, asks, shares = await sync_to_async(
        lambda: (
            wanted("trades", type="trade_execution"),
            wanted("asks", freqtrade_config={"own_process": True}),
            wanted("shares"),
        )
    )()

    async with supervising():
        why = {}
        for each in (trades, asks):
            row = await until(partial(own_now, each), "a bot")
            why[each.name] = row.resource_usage["own"]
        await until(partial(hosted_in, shares), "sharing")

    assert why == {"trades": "trades", "asks": "asked"}


async def test_switched_off_everybody_has_a_process_of_its_own(
    hosting_home: Path, settings: Any
) -> None:
    settings.RUNNERS = False
    strategies = await many(2)

    async with supervising():
        rows = [await until(partial(own_now, each), "a bot") for each in strategies]

    assert len({row.pid for row in rows}) == 2
    assert {row.resource_usage["own"] for row in rows} == {"off"}
    assert not (hosting_home / "runners").exists()


async def test_who_stops_or_restarts_moves_nobody_else(hosting_home: Path) -> None:
    first, second, third = await many(3)

    async with supervising():
        for each in (first, second, third):
            await until(partial(hosted_in, each), "sharing")
        before = await sync_to_async(now_of)(second)
        await sync_to_async(strategy_stop)(first.pk)
        await sync_to_async(strategy_restart)(third.pk)
        await until(partial(is_stopped, first), "stopping")
        await until(partial(hosted_again, third, 2), "restart")
        after = await sync_to_async(now_of)(second)
        assert len(runners_of(hosting_home)) == 1

    assert before is not None
    assert after is not None
    assert (before.pk, before.pid) == (after.pk, after.pid)
    old, new = await sync_to_async(rows_of)(third)
    assert old.pid == new.pid == before.pid
    assert old.resource_usage["reason"] == "it is restarted"


async def test_many_that_are_stopped_at_once_end_nobody_else(
    hosting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They are let go of one after the other, a second each.
    monkeypatch.setattr(plan, "STOP_DEADLINE", 2.0)
    stays = await sync_to_async(wanted)("stays")
    slow = await sync_to_async(
        lambda: [wanted(f"slow {number}", "Slow") for number in range(6)]
    )()

    async with supervising():
        for each in (stays, *slow):
            await until(partial(hosted_in, each), "sharing")
        for each in slow:
            await sync_to_async(strategy_stop)(each.pk)
        for each in slow:
            await until(partial(is_stopped, each), "stopping")
        assert await sync_to_async(hosted_in)(stays)
        assert len(await sync_to_async(rows_of)(stays)) == 1


async def test_one_that_answers_nothing_any_more_is_replaced(
    hosting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting_runner, "SILENT_SECONDS", 3.0)
    monkeypatch.setattr(hosting_runner, "LIST_SECONDS", 0.5)
    strategies = await many(2)

    async with supervising():
        for each in strategies:
            await until(partial(hosted_in, each), "sharing")
            await until(partial(signals_of, each), "signals")
        (runner,) = runners_of(hosting_home)
        runner.suspend()
        for each in strategies:
            await until(partial(hosted_again, each, 2), "again")
        assert is_gone(runner.pid)

    for each in strategies:
        first, _second = await sync_to_async(rows_of)(each)
        assert "it did not answer for 3 s" in first.resource_usage["reason"]


async def test_a_new_version_is_taken_out_and_in_again(hosting_home: Path) -> None:
    first, second = await many(2)

    async with supervising():
        for each in (first, second):
            await until(partial(hosted_in, each), "sharing")
        await Strategy.objects.filter(pk=first.pk).aupdate(version="v1.1")
        await until(partial(hosted_again, first, 2), "v1.1")
        assert len(await sync_to_async(rows_of)(second)) == 1

    new = (await sync_to_async(rows_of)(first))[-1]
    assert new.resource_usage["revision"].startswith("v1.1+")


async def test_another_release_is_another_process(
    hosting_home: Path, tmp_path: Path
) -> None:
    old, new = await many(2)
    await sync_to_async(release_fake)(tmp_path / "more", "2026.10")

    async with supervising():
        for each in (old, new):
            await until(partial(hosted_in, each), "sharing")
        config = new.freqtrade_config | {"version": "2026.10"}
        await Strategy.objects.filter(pk=new.pk).aupdate(freqtrade_config=config)
        await until(lambda: hosted_in(new) == "simulated-2", "the other process")
        assert await sync_to_async(hosted_in)(old) == "simulated-1"
        assert len(await sync_to_async(rows_of)(old)) == 1


async def test_a_full_process_is_left_alone_and_another_one_starts(
    hosting_home: Path, settings: Any
) -> None:
    settings.RUNNER_ANALYSES = 2
    strategies = await many(5)

    async with supervising():
        names = [
            await until(partial(hosted_in, each), "sharing") for each in strategies
        ]

    assert sorted(names.count(name) for name in set(names)) == [1, 2, 2]


async def test_a_killed_shared_process_comes_back_with_all_and_nothing_is_lost(
    hosting_home: Path,
) -> None:
    strategies = await many(3)

    async with supervising():
        for each in strategies:
            await until(partial(hosted_in, each), "sharing")
            await until(partial(signals_of, each), "signals")
        before = await sync_to_async(now_of)(strategies[0])
        assert before is not None
        os.kill(before.pid or 0, signal.SIGKILL)
        for each in strategies:
            await until(partial(hosted_again, each, 2), "again")
        after = await sync_to_async(now_of)(strategies[0])
        assert after is not None
        assert after.pid != before.pid
        assert len(runners_of(hosting_home)) == 1

    for each in strategies:
        first, _second = await sync_to_async(rows_of)(each)
        reason = first.resource_usage["reason"]
        assert reason.startswith("the process that it shared with others ended: it was")
        assert await sync_to_async(none_missing)(each)
