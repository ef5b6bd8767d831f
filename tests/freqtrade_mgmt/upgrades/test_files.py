"""What an upgrade saves of a bot's files, and what it gives back."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt.supervisor import upgrade_files
from freqtrade_mgmt.supervisor.records import bot_folder
from freqtrade_mgmt.upgrades.asking import rollback_request
from tests.freqtrade_mgmt.upgrading import OLD, World, asked, running, steps

if TYPE_CHECKING:
    from pathlib import Path

    from freqtrade_mgmt.models import FreqtradeUpgrade
    from strategies.models import Strategy

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


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
