"""Copies of trades, of folders that belong to somebody else."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from freqtrade_mgmt.bot_config import BotPaths
from freqtrade_mgmt.supervisor import upgrade_files
from freqtrade_mgmt.supervisor.records import bot_folder

OPERATION, STRATEGY = 7, 3
TABLE = "CREATE TABLE trades (id INTEGER PRIMARY KEY, pair TEXT)"


@pytest.fixture
def database(settings: Any, tmp_path: Path) -> Path:
    """A bot's trades, with one of them, and a copy of both."""
    settings.BTCW_HOME = tmp_path
    folder = bot_folder(STRATEGY)
    folder.mkdir(parents=True)
    path = BotPaths.of(folder).database
    write(path, TABLE, "INSERT INTO trades (pair) VALUES ('BTC/USDT')")
    assert upgrade_files.backup_one(OPERATION, STRATEGY)
    return path


def write(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(";".join(statements))


def pairs(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [pair for (pair,) in connection.execute("SELECT pair FROM trades")]


@pytest.mark.parametrize("killed_at", ["write", "unlink", "replace"])
def test_trades_are_put_back_also_after_a_kill_in_the_middle(
    database: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    write(
        database,
        "INSERT INTO trades (pair) VALUES ('ETH/USDT')",
        "ALTER TABLE trades RENAME COLUMN id TO number",
    )
    folder = database.parent

    def killed(path: Path, *_more: Any, **_options: Any) -> None:
        if path.parent == folder:
            raise KeyboardInterrupt
        real(path, *_more, **_options)

    if killed_at == "write":
        real: Any = upgrade_files._write
        monkeypatch.setattr(upgrade_files, "_write", killed)
    else:
        real = getattr(Path, killed_at)
        monkeypatch.setattr(Path, killed_at, killed)
    with pytest.raises(KeyboardInterrupt):
        upgrade_files.take_back(OPERATION, STRATEGY)
    monkeypatch.undo()
    if killed_at == "replace":
        # Whatever lies there then is not looked at again.
        database.unlink()

    why, path = upgrade_files.take_back(OPERATION, STRATEGY)
    assert why == "trades.id"
    assert pairs(database) == ["BTC/USDT"]
    assert pairs(Path(path) / database.name) == ["BTC/USDT", "ETH/USDT"]


def test_a_file_that_would_fill_the_disk_is_not_copied(database: Path) -> None:
    # It takes no room itself: a strategy can make it in no time.
    os.truncate(database, 2**42)
    with pytest.raises(OSError, match="no room"):
        upgrade_files.backup_one(OPERATION, STRATEGY)
    kept = upgrade_files.backup_folder(OPERATION)
    assert pairs(kept / str(STRATEGY) / "trades.sqlite") == ["BTC/USDT"]
    assert [path.name for path in kept.iterdir()] == [str(STRATEGY)]
