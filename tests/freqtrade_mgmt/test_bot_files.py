"""A bot's folder is written and given away without following what a strategy put there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.bot_config import (
    BotCredentials,
    BotSpec,
    bot_folder_read,
    bot_folder_write,
)
from freqtrade_mgmt.bot_files import folder_give

if TYPE_CHECKING:
    from freqtrade_mgmt.bot_config import BotPaths

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users")
NOBODY = 65534
SPEC = BotSpec(
    strategy_id=12,
    name="ema",
    class_name="Mine",
    code="class Mine: ...\n",
    exchange="simulated",
    pairs=("BTC/USDT",),
    timeframe="1m",
    stake_currency="USDT",
)


def write(folder: Path) -> BotPaths:
    url = "http://127.0.0.1:18080/api/v3"
    return bot_folder_write(folder, SPEC, BotCredentials.random(), 18501, url)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of somebody else's, with a program in it."""
    folder = tmp_path / "victim"
    folder.mkdir(mode=0o755)
    (folder / "program.py").write_text("ours")
    return folder


@pytest.mark.parametrize("part", ["strategies", "logs"])
def test_a_link_in_the_place_of_a_folder_leads_nobody_out_of_it(
    tmp_path: Path, victim: Path, part: str
) -> None:
    bot = tmp_path / "bot"
    bot.mkdir()
    (bot / part).symlink_to(victim)

    paths = write(bot)

    assert [file.name for file in victim.iterdir()] == ["program.py"]
    assert stat.S_IMODE(victim.stat().st_mode) == 0o755
    assert not (bot / part).is_symlink()
    assert (paths.strategies / "Mine.py").read_text() == SPEC.code


def test_folders_in_the_place_of_files_keep_no_bot_from_starting(
    tmp_path: Path,
) -> None:
    for name in ("config.json", ".config.json.new", "strategies/Mine.py"):
        (tmp_path / name / "deep").mkdir(parents=True)
    (tmp_path / "logs").write_text("no folder")

    with pytest.raises(ConfigurationError, match="cannot be written"):
        write(tmp_path)
    (tmp_path / "strategies" / "Mine.py" / "deep").rmdir()
    (tmp_path / "strategies" / "Mine.py").rmdir()

    paths = write(tmp_path)
    assert paths.config.is_file()
    assert paths.log.parent.is_dir()


def test_a_pipe_in_the_place_of_the_configuration_holds_nobody(tmp_path: Path) -> None:
    paths = write(tmp_path)
    paths.config.unlink()
    os.mkfifo(paths.config)

    with pytest.raises(ConfigurationError, match="cannot be read"):
        bot_folder_read(tmp_path)


def test_a_configuration_without_end_is_not_read(tmp_path: Path) -> None:
    paths = write(tmp_path)
    padded = json.loads(paths.config.read_text()) | {"pad": "x" * 5_000_000}
    paths.config.write_text(json.dumps(padded))

    with pytest.raises(ConfigurationError, match="cannot be read"):
        bot_folder_read(tmp_path)


@as_root
def test_a_folder_of_the_bots_user_is_taken_back_and_given_again(
    tmp_path: Path, victim: Path
) -> None:
    paths = write(tmp_path / "bot")
    paths.database.write_text("trades")
    folder_give(paths.folder, NOBODY, NOBODY)
    inside = [paths.folder, *paths.folder.rglob("*")]
    assert {place.lstat().st_uid for place in inside} == {NOBODY}

    write(paths.folder)
    assert paths.folder.stat().st_uid == paths.strategies.stat().st_uid == 0

    (paths.folder / "link").symlink_to(victim)
    os.link(victim / "program.py", paths.folder / "other name")
    folder_give(paths.folder, NOBODY, NOBODY)

    assert paths.config.stat().st_uid == paths.database.stat().st_uid == NOBODY
    assert victim.stat().st_uid == 0
    assert (victim / "program.py").stat().st_uid == 0


@as_root
def test_another_user_s_folder_is_refused_with_the_cure(tmp_path: Path) -> None:
    """As after a move of the supervisor from root to a user of its own."""
    home = Path("/var/tmp") / f"btcw-test-{os.getpid()}"  # noqa: S108 - must be passable
    home.mkdir(mode=0o711)
    try:
        paths = write(home / "12")
        os.seteuid(NOBODY)
        with pytest.raises(ConfigurationError, match="Give it and all in it"):
            write(home / "12")
    finally:
        os.seteuid(0)
        for place in sorted(home.rglob("*"), reverse=True):
            place.rmdir() if place.is_dir() else place.unlink()
        home.rmdir()
    assert paths.folder.name == "12"
