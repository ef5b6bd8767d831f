"""A bot is believed to run only while it analyses candles."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import psutil

from freqtrade_mgmt.bot_config import BotIdentity, BotPaths, bot_name
from freqtrade_mgmt.supervisor import bots
from freqtrade_mgmt.supervisor.bots import Bot
from freqtrade_mgmt.supervisor.frames import Watched
from freqtrade_mgmt.supervisor.processes import (
    BotProcess,
    ProcessKey,
    cut_console,
    listens,
    size,
    tail,
)
from tests.freqtrade_mgmt.fake_bot import FakeBot

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from freqtrade_mgmt.supervisor.intake import Seen

WATCHED = Watched(
    strategy_id=7, name="ema", version="v1.0", exchange="simulated", timeframe="1m"
)


class Taken:
    """Takes what the collector hands over; breaks when told to."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.breaks = 0

    async def submit(self, seen: Seen) -> None:
        """Keep it, or break."""
        if self.breaks:
            self.breaks -= 1
            raise RuntimeError("unforeseen")
        self.seen.append(seen)


def bot_of(fake: FakeBot, folder: Path) -> Bot:
    """Return a bot whose process is this one, which is where the fake listens."""
    me = psutil.Process()
    return Bot(
        watched=WATCHED,
        process=BotProcess(ProcessKey(me.pid, me.create_time()), None),
        process_row=1,
        paths=BotPaths.of(folder),
        identity=BotIdentity(fake.credentials, fake.port, bot_name(7)),
    )


async def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_fresh_candle_proves_a_bot_and_an_old_one_does_not(
    tmp_path: Path,
) -> None:
    async with FakeBot() as fake:
        fake.add(30)
        bot = bot_of(fake, tmp_path)
        taken = Taken()
        bot.follow(taken, {}, 60)
        await until(lambda: taken.seen)
        assert not bot.proven

        await until(fake.subscribed.is_set)
        await fake.tell(fake.add(0))
        await until(lambda: bot.proven)
        await bot.leave()


async def test_a_follower_that_breaks_begins_again_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bots, "AGAIN_SECONDS", 0.01)
    async with FakeBot() as fake:
        fake.add(3, enter_long=1)
        bot = bot_of(fake, tmp_path)
        taken = Taken()
        taken.breaks = 2
        bot.follow(taken, {}, 60)

        await until(lambda: taken.seen)
        await bot.leave()

    assert len(taken.seen[0].candidates) == 1


async def test_another_program_on_the_port_is_not_believed(tmp_path: Path) -> None:
    async with FakeBot() as fake:
        fake.name = "somebody-else"
        fake.add(1)
        bot = bot_of(fake, tmp_path)
        taken = Taken()
        bot.follow(taken, {}, 60)
        await until(lambda: len(fake.requests) > 2)
        await bot.leave()

    assert taken.seen == []
    assert not bot.proven


def test_only_what_a_bot_wrote_in_this_life_tells_why_it_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("an old configuration error\n")
    start = size(log)
    with log.open("a") as file:
        file.write("a new end\n")

    assert tail(log, start) == "a new end\n"
    log.write_text("cut\n")
    assert tail(log, start) == "cut\n"
    assert tail(tmp_path / "absent") == ""


def test_what_a_bot_prints_is_cut_when_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freqtrade_mgmt.supervisor.processes.CONSOLE_BYTES", 10)
    console = tmp_path / "console.log"
    console.write_text("much more than ten bytes")

    cut_console(console)

    assert console.read_text() == ""
    assert (tmp_path / "console.old.log").read_text() == "much more than ten bytes"


def test_a_process_with_the_pid_of_another_is_not_ours() -> None:
    me = psutil.Process()

    assert BotProcess.adopt(ProcessKey(me.pid, me.create_time())) is not None
    assert BotProcess.adopt(ProcessKey(me.pid, me.create_time() - 5)) is None
    assert BotProcess.adopt(ProcessKey(2**22 + 1, 0.0)) is None
    assert not listens(ProcessKey(os.getpid(), me.create_time()), 1)
