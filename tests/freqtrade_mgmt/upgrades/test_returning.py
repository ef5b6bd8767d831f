"""Upgrades that go back, by themselves and by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt import selectors
from freqtrade_mgmt.supervisor import upgrades
from freqtrade_mgmt.upgrades import reading
from freqtrade_mgmt.upgrades.asking import (
    UpgradeRefusedError,
    rollback_request,
    upgrade_cancel,
    upgrade_request,
)
from freqtrade_mgmt.upgrades.canary import Health
from notifications.models import Alert
from tests.freqtrade_mgmt.upgrading import NEW, OLD, World, asked, running
from tests.languages import words_check
from tests.strategies.pages import made, put

if TYPE_CHECKING:
    import asyncio

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


async def test_when_the_canary_breaks_all_go_back_and_one_alert_tells(
    world: World,
) -> None:
    a, b = await sync_to_async(running)("a", "b")
    world.broken[a.pk] = NEW
    row = await asked(canary=a.pk)
    await world.until(row, "rolled_back")
    assert dict.fromkeys((a.pk, b.pk), OLD) == world.moves()[-1]
    # The other one never left.
    assert all(each[b.pk] == OLD for each in world.log)
    assert row.error_message is not None
    assert f"a cannot run on freqtrade {NEW}: boom." in row.error_message
    alert = await Alert.objects.aget()
    assert alert.key == "freqtrade:upgrade"
    assert "boom" in alert.body
    words_check(alert.context, "boom")
    # The next attempt ends the alert.
    world.broken = {}
    again = await asked()
    await world.until(again, "completed")
    assert not await Alert.objects.filter(resolved_at=None).aexists()


async def test_a_canary_whose_health_stays_worse_takes_all_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await sync_to_async(running)("a", "b")
    monkeypatch.setattr(upgrades, "RATE_SECONDS", 0.0)
    looks = iter([95, 40, 95, 40, 40, 40])
    now = 95

    async def health(*_arguments: Any) -> Health:
        nonlocal now
        now = next(looks, now)
        return Health(now, "good" if now > 80 else "bad", "it logs errors")

    monkeypatch.setattr(upgrades.Upgrades, "_health", health)
    row = await asked(canary=a.pk, watch_seconds=600)
    await world.until(row, "rolled_back")
    assert world.moves()[-1] == {a.pk: OLD, b.pk: OLD}
    assert "40/100: it logs errors" in str(row.error_message)
    assert list(looks) == []


async def test_a_later_one_that_breaks_takes_the_canary_back_too(world: World) -> None:
    a, b, c = await sync_to_async(running)("a", "b", "c")
    world.broken[b.pk] = NEW
    row = await asked(canary=a.pk)
    await world.until(row, "rolled_back")
    assert world.moves()[-1] == {a.pk: OLD, b.pk: OLD, c.pk: OLD}
    assert all(each.get(c.pk) == OLD for each in world.log)
    shown = await sync_to_async(reading.upgrade)(row.pk)
    assert shown is not None
    assert {each.name: each.state for each in shown.strategies} == {
        "a": "returned",
        "b": "returned",
        "c": "waiting",
    }


async def test_it_can_be_rolled_back_by_hand_while_it_goes_on(world: World) -> None:
    a, b = await sync_to_async(running)("a", "b")
    row = await asked(canary=a.pk, watch_seconds=600)
    await world.until(row, "move")
    while not row.migration_log.get("watch_until"):
        await world.tick()
        await row.arefresh_from_db()
    shown = await sync_to_async(reading.upgrade)(row.pk)
    assert shown is not None
    assert shown.stage == "watch"
    assert shown.watch_left is not None
    assert 590 <= shown.watch_left <= 600
    assert shown.can_roll_back
    await sync_to_async(rollback_request)(row.pk)
    await world.until(row, "rolled_back")
    assert world.moves()[-1] == {a.pk: OLD, b.pk: OLD}
    # Somebody asked for it, so it is no alarm.
    assert not await Alert.objects.aexists()


async def test_it_can_be_rolled_back_by_hand_after_its_end(world: World) -> None:
    a, b, asleep = await sync_to_async(lambda: (*running("a", "b"), made("asleep")))()
    row = await asked()
    await world.until(row, "completed")
    await sync_to_async(rollback_request)(row.pk)
    await world.until(row, "rolled_back")
    assert world.moves()[-1] == {a.pk: OLD, b.pk: OLD}
    assert await sync_to_async(selectors.current_version)() == OLD
    wanted = await sync_to_async(selectors.versions_wanted)([asleep.pk])
    assert wanted == {asleep.pk: OLD}
    with pytest.raises(UpgradeRefusedError):
        await sync_to_async(rollback_request)(row.pk)


async def test_only_the_last_upgrade_can_be_rolled_back(world: World) -> None:
    await sync_to_async(running)("a")
    first = await asked()
    await world.until(first, "completed")
    second = await sync_to_async(upgrade_request)(OLD, watch_seconds=0)
    assert second.upgrade_type == "downgrade"
    await world.until(second, "completed")
    with pytest.raises(UpgradeRefusedError, match="Only the last"):
        await sync_to_async(rollback_request)(first.pk)


async def test_before_anything_was_moved_it_is_only_cancelled(
    world: World, trials_end: asyncio.Event
) -> None:
    trials_end.clear()
    (a,) = await sync_to_async(running)("a")
    row = await asked()
    await world.until(row, "check")
    await sync_to_async(upgrade_cancel)(row.pk)
    await world.until(row, "failed")
    assert row.error_message is not None
    assert "cancelled" in row.error_message
    assert world.moves() == [{a.pk: OLD}]


async def test_a_strategy_given_up_on_the_new_version_is_started_on_the_old(
    world: World,
) -> None:
    (a,) = await sync_to_async(running)("a")
    row = await asked()
    await world.until(row, "completed")
    await sync_to_async(put)(a, "error", reason="it broke")
    await sync_to_async(rollback_request)(row.pk)
    await world.until(row, "rolled_back")
    await a.arefresh_from_db()
    assert a.status == "starting"
    assert world.moves()[-1] == {a.pk: OLD}
