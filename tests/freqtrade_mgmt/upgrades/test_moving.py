"""Upgrades with bots that are only said to run: the check, and the way forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt import selectors
from freqtrade_mgmt.upgrades import reading
from freqtrade_mgmt.upgrades.asking import check_request
from notifications.models import Notification, NotificationChannel
from strategies.models import Strategy
from tests.freqtrade_mgmt.upgrading import NEW, OLD, World, asked, running, steps
from tests.strategies.pages import made, put

if TYPE_CHECKING:
    from freqtrade_mgmt.models import FreqtradeUpgrade

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


# -- The way forward --------------------------------------------------------


async def test_the_canary_moves_first_and_then_one_after_the_other(
    world: World,
) -> None:
    a, b, c = await sync_to_async(running)("a", "b", "c")
    pinned = await sync_to_async(made)("pinned", freqtrade_config={"version": OLD})
    await sync_to_async(put)(pinned, "running")
    await sync_to_async(NotificationChannel.objects.create)(
        name="mail", type="email", config={"host": "127.0.0.1", "to": ["a@example.org"]}
    )
    row = await asked(canary=b.pk)
    await world.until(row, "completed")

    stay = {pinned.pk: OLD}
    assert world.moves() == [
        stay | {a.pk: OLD, b.pk: OLD, c.pk: OLD},
        stay | {a.pk: OLD, b.pk: NEW, c.pk: OLD},
        stay | {a.pk: NEW, b.pk: NEW, c.pk: OLD},
        stay | {a.pk: NEW, b.pk: NEW, c.pk: NEW},
    ]
    assert await sync_to_async(selectors.current_version)() == NEW
    shown = await sync_to_async(reading.upgrade)(row.pk)
    assert shown is not None
    assert shown.stage == "ended"
    assert shown.can_roll_back
    assert [(each.name, each.state, each.check) for each in shown.strategies] == [
        ("b", "proven", "loads"),
        ("a", "proven", "loads"),
        ("c", "proven", "loads"),
    ]
    assert shown.steps[-1].words.startswith(f"freqtrade {NEW} is the current version")
    kinds = await sync_to_async(
        lambda: list(Notification.objects.values_list("message_type", flat=True))
    )()
    assert kinds == ["system", "system"]


async def test_without_a_wish_the_healthiest_goes_first(world: World) -> None:
    _a, b = await sync_to_async(running)("a", "b")
    await Strategy.objects.filter(pk=b.pk).aupdate(
        health_metrics={"health": {"score": 90, "level": "good"}}
    )
    row = await asked()
    await world.until(row, "completed")
    assert row.migration_log["canary"] == b.pk


async def test_a_strategy_that_was_started_meanwhile_moves_as_well(
    world: World,
) -> None:
    a, late = await sync_to_async(lambda: (*running("a"), made("late")))()
    row = await asked(watch_seconds=600)
    await world.until(row, "move")
    await sync_to_async(put)(late, "running")
    await _watch_over(row, world)
    await world.until(row, "completed")
    assert world.moves()[-1] == {a.pk: NEW, late.pk: NEW}


async def _watch_over(row: FreqtradeUpgrade, world: World) -> None:
    while not row.migration_log.get("watch_until"):
        await world.tick()
        await row.arefresh_from_db()
    row.migration_log["watch_until"] = "2026-01-01T00:00:00+00:00"
    await row.asave(update_fields=["migration_log"])


async def test_stopped_strategies_run_on_the_new_version_from_their_next_start(
    world: World, failing: set[int]
) -> None:
    a, asleep = await sync_to_async(lambda: (*running("a"), made("asleep")))()
    failing.add(asleep.pk)
    row = await asked()
    await world.until(row, "completed")
    # It was told of, but nothing that runs is kept from moving by it.
    assert "loads_not" in await sync_to_async(steps)(row)
    wanted = await sync_to_async(selectors.versions_wanted)([a.pk, asleep.pk])
    assert wanted == {a.pk: NEW, asleep.pk: NEW}


# -- The check --------------------------------------------------------------


async def test_a_strategy_that_does_not_load_keeps_everything_where_it_is(
    world: World, failing: set[int]
) -> None:
    a, b = await sync_to_async(running)("a", "b")
    failing.add(b.pk)
    row = await asked()
    await world.until(row, "failed")
    assert world.moves() == [{a.pk: OLD, b.pk: OLD}]
    assert row.error_message is not None
    assert "b would not run" in row.error_message
    shown = await sync_to_async(reading.upgrade)(row.pk)
    assert shown is not None
    report = {each.name: (each.check, each.reason) for each in shown.strategies}
    assert report["a"] == ("loads", "")
    assert report["b"][0] == "fails"
    assert "no such thing" in report["b"][1]
    assert not shown.can_roll_back


async def test_those_that_fail_can_be_left_and_are_pinned(
    world: World, failing: set[int]
) -> None:
    a, b, c = await sync_to_async(running)("a", "b", "c")
    failing.add(b.pk)
    row = await asked(leave_failing=True, skip=[c.pk])
    await world.until(row, "completed")
    assert world.moves()[-1] == {a.pk: NEW, b.pk: OLD, c.pk: OLD}
    await b.arefresh_from_db()
    assert b.freqtrade_config == {"version": OLD}
    shown = await sync_to_async(reading.upgrade)(row.pk)
    assert shown is not None
    states = {each.name: (each.check, each.state) for each in shown.strategies}
    assert states == {
        "a": ("loads", "proven"),
        "b": ("fails", "left"),
        "c": ("left", "left"),
    }


async def test_where_nothing_loads_nothing_moves_whatever_was_chosen(
    world: World, failing: set[int]
) -> None:
    (a,) = await sync_to_async(running)("a")
    failing.add(a.pk)
    row = await asked(leave_failing=True)
    await world.until(row, "failed")
    await a.arefresh_from_db()
    assert a.freqtrade_config == {}


async def test_a_check_alone_moves_nothing_and_tells_nobody(world: World) -> None:
    (a,) = await sync_to_async(running)("a")
    row = await sync_to_async(check_request)(NEW)
    await world.until(row, "completed")
    assert world.moves() == [{a.pk: OLD}]
    assert await sync_to_async(selectors.current_version)() == OLD
    assert not await Notification.objects.aexists()
    shown = await sync_to_async(reading.upgrades_listed)()
    assert [(each.only_check, each.can_roll_back) for each in shown] == [(True, False)]
