"""Upgrades with bots that are only said to run: rows, files, words, refusals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt import selectors
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.supervisor import (
    upgrade_check,
    upgrade_files,
    upgrade_records,
    upgrades,
)
from freqtrade_mgmt.supervisor.records import bot_folder
from freqtrade_mgmt.trial.verdict import Outcome, failed
from freqtrade_mgmt.upgrades import reading
from freqtrade_mgmt.upgrades.asking import (
    UpgradeRefusedError,
    check_request,
    rollback_request,
    upgrade_cancel,
    upgrade_request,
)
from freqtrade_mgmt.upgrades.canary import Health
from freqtrade_mgmt.upgrades.pinning import strategy_pin, strategy_unpin
from notifications.models import Alert, Notification, NotificationChannel
from strategies.models import Strategy
from tests.freqtrade_mgmt.upgrading import NEW, OLD, World, installed, steps
from tests.languages import words_check
from tests.strategies.pages import made, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
) -> None:
    settings.BTCW_HOME = tmp_path
    settings.LANGUAGE_CODE = "en"
    installed(tmp_path / "freqtrade", OLD, NEW)
    caplog.set_level(logging.CRITICAL)


@pytest.fixture
def trials_end() -> asyncio.Event:
    """Trials last until this is set, which it is."""
    event = asyncio.Event()
    event.set()
    return event


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, trials_end: asyncio.Event) -> set[int]:
    """The strategies that do not load on the new version; trials are not made."""
    bad: set[int] = set()

    async def tried(strategy_id: int, _version: str, _in_thread: Any) -> Outcome:
        await trials_end.wait()
        if strategy_id in bad:
            return failed("load", problem="no such thing")
        return Outcome(passed=True)

    monkeypatch.setattr(upgrade_check, "_tried", tried)
    return bad


async def passes(*_arguments: Any) -> Outcome:
    return Outcome(passed=True)


@pytest.fixture
async def world(failing: set[int]) -> AsyncIterator[World]:
    del failing
    world = World()
    yield world
    await world.upgrades.close()


def running(*names: str) -> list[Strategy]:
    return [put(made(name), "running") for name in names]


async def asked(**options: Any) -> FreqtradeUpgrade:
    request = sync_to_async(upgrade_request)
    return await request(NEW, **({"watch_seconds": 0} | options))


# -- Which version is current ----------------------------------------------


def test_installing_a_newer_release_moves_nothing() -> None:
    assert selectors.current_version() == OLD
    version, python = selectors.environment_python(None)
    assert version == OLD
    assert python.parts[-3:] == (OLD, "bin", "python")


def test_without_any_installed_version_there_is_no_current_one() -> None:
    FreqtradeVersion.objects.all().delete()
    assert selectors.current_version() is None
    (strategy,) = running("a")
    assert selectors.versions_wanted([strategy.pk]) == {}


def test_the_last_operation_that_ended_decides() -> None:
    def ended(status: str, hour: int, **log: Any) -> FreqtradeUpgrade:
        return FreqtradeUpgrade.objects.create(
            from_version="2026.1",
            to_version="2026.8",
            upgrade_type="upgrade",
            status=status,
            completed_at=f"2026-11-23T{hour:02}:00:00Z",
            migration_log=log,
        )

    ended("completed", 1)
    assert selectors.current_version() == "2026.8"
    ended("completed", 9, only_check=True)
    ended("rolled_back", 2)
    assert selectors.current_version() == "2026.1"
    first = ended("completed", 3)
    ended("failed", 4)
    assert selectors.current_version() == "2026.1"
    first.completed_at = "2026-11-23T05:00:00Z"
    first.save()
    assert selectors.current_version() == "2026.8"


def test_a_pin_is_stronger_than_the_current_version() -> None:
    pinned, free = running("pinned", "free")
    strategy_pin(pinned.pk, NEW)
    wanted = selectors.versions_wanted([pinned.pk, free.pk])
    assert wanted == {pinned.pk: NEW, free.pk: OLD}
    strategy_unpin(pinned.pk)
    assert selectors.versions_wanted([pinned.pk]) == {pinned.pk: OLD}


def test_a_pin_to_what_is_not_installed_is_refused() -> None:
    (strategy,) = running("a")
    with pytest.raises(UpgradeRefusedError, match=r"2025\.1 is not installed"):
        strategy_pin(strategy.pk, "2025.1")


# -- Refusals ---------------------------------------------------------------


def test_what_cannot_be_begun_is_refused_with_the_reason() -> None:
    strategy = made("stopped")
    with pytest.raises(UpgradeRefusedError, match="not installed"):
        upgrade_request("2026.1")
    with pytest.raises(UpgradeRefusedError, match="current version already"):
        upgrade_request(OLD)
    with pytest.raises(UpgradeRefusedError, match="cannot go first"):
        upgrade_request(NEW, canary=strategy.pk)
    with pytest.raises(UpgradeRefusedError, match="no strategy with the number"):
        upgrade_request(NEW, canary=4711)
    with pytest.raises(UpgradeRefusedError, match="seconds"):
        upgrade_request(NEW, watch_seconds=-1)
    row = upgrade_request(NEW)
    with pytest.raises(UpgradeRefusedError, match=f"Operation {row.pk}"):
        check_request(NEW)
    upgrade_cancel(row.pk)
    with pytest.raises(UpgradeRefusedError, match="ended already"):
        upgrade_cancel(row.pk)
    with pytest.raises(UpgradeRefusedError, match="nothing to go back from"):
        rollback_request(row.pk)
    path = FreqtradeVersion.objects.get(version=NEW).install_path
    Path(f"{path}/bin/python").unlink()
    with pytest.raises(UpgradeRefusedError, match="has gone"):
        upgrade_request(NEW)


def test_to_an_older_version_it_is_a_downgrade() -> None:
    FreqtradeVersion.objects.filter(version=OLD).update(install_date=None)
    assert selectors.current_version() == NEW
    assert upgrade_request(OLD).upgrade_type == "downgrade"


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


# -- The way back -----------------------------------------------------------


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


# -- A supervisor that is killed --------------------------------------------


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


# -- Files ------------------------------------------------------------------


def trades(strategy: Strategy, *, wal: bool = True) -> sqlite3.Connection:
    """Make the folder of a strategy's bot, with a trade, as freqtrade writes it."""
    folder = bot_folder(strategy.pk)
    (folder / "strategies").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "strategies" / "Cross.py").write_text("x = 1\n")
    database = sqlite3.connect(folder / "trades.sqlite", isolation_level=None)
    if wal:
        database.execute("PRAGMA journal_mode=wal")
    database.execute("CREATE TABLE trades (id INTEGER PRIMARY KEY, pair TEXT)")
    database.execute("INSERT INTO trades (pair) VALUES ('BTC/USDT')")
    return database


def pairs(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [pair for (pair,) in database.execute("SELECT pair FROM trades")]


async def back_and_forth(
    world: World, strategy: Strategy, meanwhile: str
) -> FreqtradeUpgrade:
    row = await asked(watch_seconds=600)
    await world.until(row, "move")
    while not row.migration_log.get("watch_until"):
        await world.tick()
        await row.arefresh_from_db()
    database = sqlite3.connect(bot_folder(strategy.pk) / "trades.sqlite")
    with closing(database), contextlib.suppress(sqlite3.Error):
        database.executescript(meanwhile)
    await sync_to_async(rollback_request)(row.pk)
    await world.until(row, "rolled_back")
    return row


async def test_trades_made_meanwhile_are_kept_where_the_old_version_reads_them(
    world: World,
) -> None:
    (a,) = await sync_to_async(running)("a")
    trades(a).close()
    meanwhile = """
        ALTER TABLE trades ADD COLUMN note TEXT;
        INSERT INTO trades (pair) VALUES ('ETH/USDT');
    """
    row = await back_and_forth(world, a, meanwhile)
    assert pairs(bot_folder(a.pk) / "trades.sqlite") == ["BTC/USDT", "ETH/USDT"]
    assert "taken_back" in await sync_to_async(steps)(row)


async def test_trades_that_the_old_version_cannot_read_are_those_of_before(
    world: World,
) -> None:
    (a,) = await sync_to_async(running)("a")
    trades(a).close()
    meanwhile = """
        INSERT INTO trades (pair) VALUES ('ETH/USDT');
        ALTER TABLE trades RENAME COLUMN id TO number;
    """
    row = await back_and_forth(world, a, meanwhile)
    assert pairs(bot_folder(a.pk) / "trades.sqlite") == ["BTC/USDT"]
    assert row.backup_path is not None
    kept = (
        upgrade_files.backup_folder(row.pk) / str(a.pk) / "replaced" / "trades.sqlite"
    )
    assert pairs(kept) == ["BTC/USDT", "ETH/USDT"]
    (said,) = [
        each for each in row.migration_log["steps"] if each["step"] == "restored"
    ]
    assert "trades.id" in said["words"]


async def test_the_backup_holds_what_a_living_bot_has_written_for_us_alone(
    world: World, tmp_path: Path
) -> None:
    (a,) = await sync_to_async(running)("a")
    living = trades(a)
    row = await asked()
    await world.until(row, "completed")
    living.close()
    folder = tmp_path / "backups" / "freqtrade" / str(row.pk)
    assert row.backup_path == str(folder)
    assert sorted(path.name for path in (folder / str(a.pk)).iterdir()) == [
        "Cross.py",
        "config.json",
        "trades.sqlite",
    ]
    assert pairs(folder / str(a.pk) / "trades.sqlite") == ["BTC/USDT"]
    for path in (folder, folder / str(a.pk), *(folder / str(a.pk)).iterdir()):
        assert path.stat().st_mode & 0o077 == 0


async def test_a_link_in_the_place_of_the_trades_is_not_followed(
    world: World, tmp_path: Path
) -> None:
    (a,) = await sync_to_async(running)("a")
    trades(a).close()
    database = bot_folder(a.pk) / "trades.sqlite"
    database.rename(tmp_path / "elsewhere.sqlite")
    database.symlink_to(tmp_path / "elsewhere.sqlite")
    row = await asked()
    await world.until(row, "failed")
    assert "backup" in str(row.error_message)
    assert world.moves() == [{a.pk: OLD}]
    assert not list((tmp_path / "backups" / "freqtrade" / str(row.pk)).iterdir())
