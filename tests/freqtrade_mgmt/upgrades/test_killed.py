"""Upgrades whose supervisor is killed, or breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt.supervisor import upgrade_check, upgrade_files, upgrade_records
from freqtrade_mgmt.trial.verdict import Outcome
from freqtrade_mgmt.upgrades.asking import rollback_request
from tests.freqtrade_mgmt.upgrading import NEW, OLD, World, asked, running, steps

if TYPE_CHECKING:
    import asyncio

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


async def passes(*_arguments: Any) -> Outcome:
    return Outcome(passed=True)


@pytest.mark.parametrize("stage", ["check", "backup", "move", "return"])
async def test_the_next_supervisor_goes_on_wherever_the_last_one_was_killed(
    world: World,
    stage: str,
    monkeypatch: pytest.MonkeyPatch,
    trials_end: asyncio.Event,
) -> None:
    a, b = await sync_to_async(running)("a", "b")
    row = await asked(canary=a.pk)
    if stage == "check":
        trials_end.clear()
    if stage == "backup":
        monkeypatch.setattr(upgrade_records, "backed_up", lambda *_: None)
    if stage == "return":
        await world.until(row, "move")
        while not row.migration_log.get("moved"):
            await world.tick()
            await row.arefresh_from_db()
        await sync_to_async(rollback_request)(row.pk)
    await world.until(row, stage)
    await world.upgrades.close()
    monkeypatch.undo()
    monkeypatch.setattr(upgrade_check, "_tried", passes)

    later = World()
    monkeypatch.setitem(later.upgrades._owner, "create_time", 1.0)
    await later.until(row, "rolled_back" if stage == "return" else "completed")
    wanted = OLD if stage == "return" else NEW
    assert later.moves()[-1] == {a.pk: wanted, b.pk: wanted}
    assert "resumed" in await sync_to_async(steps)(row)
    await later.upgrades.close()


async def test_an_error_of_our_own_ends_in_the_old_state(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await sync_to_async(running)("a", "b")
    row = await asked(canary=a.pk)
    await world.until(row, "move")
    real = upgrade_files.has_backup

    def has_backup(upgrade_id: int, strategy_id: int) -> bool:
        if strategy_id == b.pk:
            raise RuntimeError("no thumbs")
        return real(upgrade_id, strategy_id)

    monkeypatch.setattr(upgrade_files, "has_backup", has_backup)
    await world.until(row, "return")
    monkeypatch.undo()
    await world.until(row, "rolled_back")
    assert world.moves()[-1] == {a.pk: OLD, b.pk: OLD}
    assert "back_ours" in await sync_to_async(steps)(row)
