"""Strategies that analyse nothing in a shared process that works."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt.supervisor import plan
from freqtrade_mgmt.supervisor.hosting_silence import WINDOW_SECONDS, Silence, Silent
from tests.freqtrade_mgmt.hosting.world import (
    hosted_in,
    note_of,
    own_now,
    rows_of,
    wanted,
)
from tests.freqtrade_mgmt.supervising import supervising, until

if TYPE_CHECKING:
    from pathlib import Path

    from strategies.models import Strategy, StrategyProcess


def test_the_second_time_a_process_of_its_own_is_tried() -> None:
    silence = Silence()
    assert silence.after(1, 0.0, others_well=True) is Silent.AGAIN
    assert silence.after(1, 130.0, others_well=True) is Silent.MOVES


@pytest.mark.parametrize("count", [1, 4])
def test_where_nobody_analyses_it_is_nobodys_own_fault(count: int) -> None:
    silence = Silence()
    ends = {
        silence.after(key, 120.0 * number, others_well=False)
        for number in range(1, 6)
        for key in range(count)
    }
    assert ends == {Silent.SHARED}
    # Nor does it count later, when others analyse again.
    assert silence.after(0, 700.0, others_well=True) is Silent.AGAIN


def test_two_that_are_mute_among_others_that_are_well_both_move_out() -> None:
    silence = Silence()
    for key in (1, 2):
        assert silence.after(key, 0.0, others_well=True) is Silent.AGAIN
    for key in (1, 2):
        assert silence.after(key, 130.0, others_well=True) is Silent.MOVES


def test_what_was_long_ago_counts_no_more() -> None:
    silence = Silence()
    silence.after(1, 0.0, others_well=True)
    later = WINDOW_SECONDS + 1
    assert silence.after(1, later, others_well=True) is Silent.AGAIN


@pytest.mark.timeout(180)
@pytest.mark.django_db(transaction=True)
async def test_one_that_is_alone_in_its_process_is_not_blamed_for_its_exchange(
    hosting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "START_DEADLINE", 1.0)
    monkeypatch.setattr(plan, "FIRST_DELAY", 0.2)
    monkeypatch.setattr(plan, "LONGEST_DELAY", 0.2)
    mute = await sync_to_async(wanted)("mute", "Mute")
    async with supervising():
        await until(lambda: len(rows_of(mute)) > 3, "its fourth start", 60)

    rows = await sync_to_async(rows_of)(mute)
    assert all(map(shared, rows))
    assert rows[0].resource_usage["reason"] == "it analysed nothing in 1 s"
    assert await sync_to_async(note_of)(mute) == {}


@pytest.mark.timeout(180)
@pytest.mark.django_db(transaction=True)
async def test_one_that_never_analyses_anything_is_not_tried_there_for_ever(
    hosting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = await sync_to_async(wanted)("well")
    async with supervising():
        await until(partial(hosted_in, well), "sharing")
        monkeypatch.setattr(plan, "START_DEADLINE", 2.0)
        mute = await sync_to_async(wanted)("mute", "Mute")
        row = await until(lambda: own_row(mute), "its own process")
        assert await sync_to_async(hosted_in)(well)
        assert len(await sync_to_async(rows_of)(well)) == 1
        monkeypatch.setattr(plan, "START_DEADLINE", 120.0)
        await until(partial(own_now, mute), "running alone")

    assert row == "silent"
    hosted = [row for row in await sync_to_async(rows_of)(mute) if shared(row)]
    assert len(hosted) == 2
    # As long as a bot has to wait that fell once, and not at once.
    waited = hosted[1].start_time - hosted[0].stop_time
    assert waited.total_seconds() >= plan.FIRST_DELAY - 1
    note = await sync_to_async(note_of)(mute)
    assert (note["code"], note["words"]) == ("silent", "it analysed nothing in 2 s")


def shared(row: StrategyProcess) -> bool:
    return bool(row.resource_usage.get("runner"))


def own_row(strategy: Strategy) -> str:
    """Return why the newest process of a strategy is its own, as a code."""
    rows = rows_of(strategy)
    return str(rows[-1].resource_usage.get("own") or "") if rows else ""
