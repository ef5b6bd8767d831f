"""What happens to an upgrade when something happens meanwhile."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.services import uninstall
from freqtrade_mgmt.supervisor import upgrade_check, upgrade_files, upgrade_records
from freqtrade_mgmt.supervisor.upgrades import ABSENT_SECONDS
from freqtrade_mgmt.trial.verdict import Outcome, failed
from freqtrade_mgmt.upgrades.asking import check_request, rollback_request
from freqtrade_mgmt.upgrades.pinning import strategy_pin
from freqtrade_mgmt.upgrades.plan import PROVE
from tests.freqtrade_mgmt.upgrading import (
    NEW,
    OLD,
    World,
    asked,
    installed,
    running,
    steps,
)
from tests.strategies.pages import put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


@pytest.fixture(autouse=True)
def _home(
    settings: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    transactional_db: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.BTCW_HOME = tmp_path
    settings.LANGUAGE_CODE = "en"
    installed(tmp_path / "freqtrade", OLD, NEW)
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(upgrade_check, "_tried", _loads)


async def _loads(*_arguments: Any) -> Outcome:
    return Outcome(passed=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.upgrades.close()


async def moved(row: FreqtradeUpgrade, world: World, count: int = 1) -> None:
    """Go on until so many are on the new version."""
    async with asyncio.timeout(20):
        while len(row.migration_log.get("proven") or ()) < count:
            await world.tick()
            await row.arefresh_from_db()


async def test_a_canary_that_was_stopped_before_its_move_is_followed_by_another(
    world: World,
) -> None:
    a, b, c = await sync_to_async(running)("a", "b", "c")
    row = await asked(canary=a.pk)
    await world.until(row, "move")
    await sync_to_async(put)(a, "stopped")
    await world.until(row, "completed")
    assert row.migration_log["canary"] == b.pk
    codes = await sync_to_async(steps)(row)
    assert codes.index("watched") < codes.index("moved")
    assert world.moves()[-1] == {b.pk: NEW, c.pk: NEW}


async def test_a_strategy_that_is_pinned_meanwhile_stays_when_all_go_back(
    world: World,
) -> None:
    a, b = await sync_to_async(running)("a", "b")
    row = await asked(canary=a.pk, watch_seconds=600)
    await moved(row, world)
    await sync_to_async(strategy_pin)(a.pk, NEW)
    # What cannot run of it is not the operation's to mend any more.
    await world.tick()
    assert not world.upgrades.takes(a.pk, "boom")
    await sync_to_async(rollback_request)(row.pk)
    await world.until(row, "rolled_back")
    assert row.migration_log["returned"] == []
    assert world.moves()[-1] == {a.pk: NEW, b.pk: OLD}


async def test_one_that_is_pinned_on_the_way_back_keeps_its_files(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (a,) = await sync_to_async(running)("a")
    row = await asked(watch_seconds=600)
    await moved(row, world)
    await sync_to_async(rollback_request)(row.pk)
    await world.until(row, "return")
    await sync_to_async(strategy_pin)(a.pk, NEW)
    touched: list[int] = []
    monkeypatch.setattr(
        upgrade_records, "trades_back", lambda _id, key: touched.append(key)
    )
    await world.until(row, "rolled_back")
    assert touched == []
    assert "let_go" in await sync_to_async(steps)(row)


async def test_nobody_is_condemned_for_what_nobody_could_see(world: World) -> None:
    (a,) = await sync_to_async(running)("a")
    row = await asked(watch_seconds=600)
    await moved(row, world)
    # The database was away for longer than a bot may take.
    long_ago = timezone.now() - 2 * PROVE
    row.migration_log |= {"proven": [], "moved_at": long_ago.isoformat()}
    await row.asave()
    world.upgrades._looked = timezone.now() - timedelta(seconds=ABSENT_SECONDS + 1)
    world.upgrades._away[a.pk] = long_ago
    await moved(row, world)
    await world.tick()
    await row.arefresh_from_db()
    assert row.migration_log["stage"] == "move"
    codes = await sync_to_async(steps)(row)
    assert codes.count("absent") == 1
    assert "resumed" not in codes


async def test_one_that_is_stopped_and_started_again_is_not_called_lost(
    world: World,
) -> None:
    a, b = await sync_to_async(running)("a", "b")
    row = await asked(canary=a.pk, watch_seconds=600)
    await moved(row, world)
    await sync_to_async(put)(b, "stopped")
    await world.tick()
    assert b.pk not in world.upgrades._away


async def test_a_canary_whose_proxy_goes_out_condemns_nothing(world: World) -> None:
    (a,) = await sync_to_async(running)("a")
    row = await asked(watch_seconds=600)
    await moved(row, world)
    world.upgrades._worse[a.pk] = ["20/100"] * 3
    world.upgrades._away[a.pk] = timezone.now() - PROVE
    await world.upgrades.tick({}, frozenset({a.pk}))
    await row.arefresh_from_db()
    assert row.migration_log["stage"] == "move"
    # And it has all of its time when the proxy is back.
    await world.upgrades.tick({})
    await row.arefresh_from_db()
    assert row.migration_log["stage"] == "move"


async def test_words_with_zeros_end_an_upgrade_and_not_the_supervisor(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(running)("a")

    async def tried(*_arguments: Any) -> Outcome:
        return failed("load", problem="boom\0boom")

    monkeypatch.setattr(upgrade_check, "_tried", tried)
    row = await asked()
    await world.until(row, "failed")
    assert "boomboom" in str(row.migration_log["check"])


async def test_an_error_in_looking_does_not_end_the_supervisor(world: World) -> None:
    await sync_to_async(running)("a")
    row = await asked()
    row.status = "in_progress"
    row.migration_log["stage"] = "somewhere"
    await row.asave()
    await world.tick()
    await world.tick()


async def test_the_database_is_free_while_files_are_copied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(running)("a")
    row = await asked()
    begun, go_on = threading.Event(), threading.Event()

    def slow(_upgrade_id: int, _strategy_id: int) -> bool:
        begun.set()
        return go_on.wait(20)

    monkeypatch.setattr(upgrade_files, "backup_one", slow)
    try:
        async with asyncio.timeout(10):
            while not begun.is_set():
                await world.tick()
                await asyncio.sleep(0.01)
            # Both of these take the thread that the database has.
            await world.tick()
            await row.arefresh_from_db()
    finally:
        go_on.set()
    assert row.migration_log["stage"] == "backup"
    await world.until(row, "completed")


def test_a_release_that_is_being_checked_is_not_uninstalled() -> None:
    running("a")
    row = check_request(NEW)
    with pytest.raises(ConfigurationError, match=f"Operation {row.pk}"):
        uninstall(NEW)


# -- Old copies ---------------------------------------------------------------


async def test_copies_of_old_operations_are_removed(world: World) -> None:
    def old(days: int, status: str = "rolled_back") -> FreqtradeUpgrade:
        row = FreqtradeUpgrade.objects.create(
            from_version=OLD,
            to_version=NEW,
            upgrade_type="upgrade",
            status=status,
            completed_at=timezone.now() - timedelta(days=days),
            backup_path="/x",
        )
        (upgrade_files.backup_folder(row.pk) / "1").mkdir(parents=True)
        return row

    rows = await sync_to_async(
        lambda: [
            old(90, "completed"),
            old(80),
            old(20),
            *(old(70) for _ in range(upgrade_records.KEPT_OPERATIONS)),
        ]
    )()
    (upgrade_files.backup_folder(0).parent / "notes").mkdir()
    await world.tick()
    gone = upgrade_files.backup_folder(rows[1].pk)
    async with asyncio.timeout(10):
        while rows[1].backup_path:
            await asyncio.sleep(0.01)
            await rows[1].arefresh_from_db()
    assert not gone.exists()
    left = {int(path.name) for path in gone.parent.iterdir() if path.name.isdigit()}
    # Of the first one the way back is still open, the third one is young.
    assert left == {row.pk for row in rows} - {rows[1].pk}
    assert (gone.parent / "notes").exists()
