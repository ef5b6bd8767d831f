"""Shared processes outlive their supervisor: killed, and followed by another one."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt.supervisor import hosting_fleet
from strategies.models import Strategy
from strategies.services import strategy_stop
from tests.freqtrade_mgmt.hosting.world import (
    hosted_again,
    hosted_in,
    none_missing,
    now_of,
    own_now,
    rows_of,
    runners_of,
    signals_of,
    wanted,
)
from tests.freqtrade_mgmt.supervising import (
    adopted,
    state_of,
    supervising,
    supervisor_of_its_own,
    until,
)
from tests.local.helpers import is_gone

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
]


async def left_behind(settings: Any, count: int = 2) -> list[Strategy]:
    """Return strategies in a shared process whose supervisor was killed."""
    strategies = await sync_to_async(lambda: [wanted(f"s{n}") for n in range(count)])()
    with supervisor_of_its_own(settings):
        for each in strategies:
            await until(partial(hosted_in, each), "sharing")
            await until(partial(signals_of, each), "signals")
    return strategies


async def test_a_shared_process_is_taken_over_with_all_that_is_in_it(
    hosting_home: Path, settings: Any
) -> None:
    strategies = await left_behind(settings)
    left = [await sync_to_async(now_of)(each) for each in strategies]
    (runner,) = runners_of(hosting_home)

    async with supervising():
        for each, row in zip(strategies, left, strict=True):
            taken = await adopted(each)
            assert row is not None
            assert (taken.pk, taken.pid) == (row.pk, runner.pid)
        # The next one joins it.
        more = await sync_to_async(wanted)("more")
        assert await until(partial(hosted_in, more), "sharing") == "simulated-1"
        assert runners_of(hosting_home) == [runner]

    assert is_gone(runner.pid)


async def test_what_is_not_wanted_any_more_is_taken_out_of_it(
    hosting_home: Path, settings: Any
) -> None:
    first, second = await left_behind(settings)
    await sync_to_async(strategy_stop)(first.pk)

    async with supervising():
        await adopted(second)
        await until(lambda: state_of(first) == "stopped", "stopping")
        assert len(runners_of(hosting_home)) == 1
    assert len(await sync_to_async(rows_of)(second)) == 1


async def test_one_that_ended_meanwhile_is_started_again_and_nothing_is_lost(
    hosting_home: Path, settings: Any
) -> None:
    strategies = await left_behind(settings)
    (runner,) = runners_of(hosting_home)
    os.kill(runner.pid, signal.SIGKILL)

    async with supervising():
        for each in strategies:
            await until(partial(hosted_again, each, 2), "sharing again")
            await until(partial(none_missing, each), "back-fill")


async def test_one_that_does_not_answer_is_ended_and_replaced(
    hosting_home: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategies = await left_behind(settings)
    (runner,) = runners_of(hosting_home)
    runner.suspend()
    monkeypatch.setattr(hosting_fleet, "MEET_SECONDS", 1.0)

    async with supervising():
        for each in strategies:
            await until(partial(hosted_again, each, 2), "sharing again")
        assert is_gone(runner.pid)


async def test_switched_off_meanwhile_all_move_to_processes_of_their_own(
    hosting_home: Path, settings: Any
) -> None:
    strategies = await left_behind(settings)
    settings.RUNNERS = False

    async with supervising():
        for each in strategies:
            await until(partial(own_now, each), "its own process")
        await until(lambda: not runners_of(hosting_home), "the end of the empty one")


async def test_one_that_nobody_knows_of_is_ended(
    hosting_home: Path, settings: Any
) -> None:
    strategies = await left_behind(settings)
    rows = [await sync_to_async(now_of)(each) for each in strategies]
    await Strategy.objects.all().aupdate(status="stopped")
    for row in rows:
        assert row is not None
        await sync_to_async(row.delete)()
    (runner,) = runners_of(hosting_home)

    async with supervising():
        await until(lambda: is_gone(runner.pid), "its end")
    assert json.loads((hosting_home / "run" / "runners.json").read_text()) == []


async def test_a_start_that_nobody_wrote_down_to_its_end_is_found_by_its_mark(
    hosting_home: Path, settings: Any
) -> None:
    strategies = await left_behind(settings)
    (runner,) = runners_of(hosting_home)
    path = hosting_home / "run" / "runners.json"
    (entry,) = json.loads(path.read_text())
    path.write_text(json.dumps([entry | {"key": None}]))

    async with supervising():
        for each in strategies:
            assert (await adopted(each)).pid == runner.pid


async def test_nothing_stands_where_strategies_could_name_another_process(
    hosting_home: Path, settings: Any
) -> None:
    await left_behind(settings, 1)
    (runner,) = runners_of(hosting_home)

    names = {path.name for path in (hosting_home / "runners" / "simulated-1").iterdir()}
    assert "runners.json" not in names
    assert runner.environ().keys() <= {"PATH", "HOME", "LANG", "BTCW_RUN", "PWD"}
