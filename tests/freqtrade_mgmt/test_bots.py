"""A bot is believed to run only while it analyses candles."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import orjson
import psutil
import pytest
from aiohttp import web

from freqtrade_mgmt.bot_config import BotIdentity, BotPaths, bot_name
from freqtrade_mgmt.supervisor import bots, client, records
from freqtrade_mgmt.supervisor.bots import Bot, Life
from freqtrade_mgmt.supervisor.client import BotClient, BotUnreachableError
from freqtrade_mgmt.supervisor.frames import Watched
from freqtrade_mgmt.supervisor.identity import ProcessKey, listens
from freqtrade_mgmt.supervisor.logs import cut_console, size, tail
from freqtrade_mgmt.supervisor.processes import BotProcess
from tests.freqtrade_mgmt.fake_bot import FakeBot

if TYPE_CHECKING:
    from pathlib import Path

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
    life = Life(
        process=BotProcess(ProcessKey(me.pid, me.create_time()), None),
        row=1,
        paths=BotPaths.of(folder),
        identity=BotIdentity(fake.credentials, fake.port, bot_name(7)),
    )
    return Bot(WATCHED, life)


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
    monkeypatch.setattr("freqtrade_mgmt.supervisor.logs.CONSOLE_BYTES", 10)
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


@pytest.mark.parametrize(
    ("stamp", "now", "known"),
    [
        # In units of five minutes: closed, so analysed.
        (10.0, 11.0, 10.0),
        (10.0, 15.5, 10.0),
        # Of one minute's candles: the five minutes around it are not over yet.
        (10.4, 10.9, 9.0),
        (10.0, 10.3, 9.0),
        (10.4, 15.0, 9.0),
        # Ahead of the clock.
        (99.0, 10.5, 9.0),
    ],
)
def test_the_candle_of_a_shorter_timeframe_hides_no_candle_of_the_new_one(
    stamp: float, now: float, known: float
) -> None:
    unit = 300_000
    found = records.newest_of(int(stamp * unit), unit, int(now * unit))

    assert found == known * unit


async def test_a_bot_that_says_no_farewell_is_left_quickly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = web.WebSocketResponse.receive
    heard: list[Any] = []

    async def once(socket: web.WebSocketResponse) -> Any:
        # As a process that was stopped: nothing more is read, and nothing answered.
        if heard:
            await asyncio.Event().wait()
        heard.append(await receive(socket))
        return heard[0]

    class Full(Taken):
        """Takes nothing, as while the database is away."""

        async def submit(self, seen: Seen) -> None:
            self.seen.append(seen)
            await asyncio.Event().wait()

    monkeypatch.setattr(web.WebSocketResponse, "receive", once)
    async with FakeBot() as fake:
        fake.add(0)
        bot = bot_of(fake, tmp_path)
        full = Full()
        bot.follow(full, {}, 60)
        await until(lambda: full.seen)
        began = time.monotonic()
        await bot.leave()

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("answer", [b"[]", b"null", b"1", b'{"state": 7}'])
async def test_whatever_a_bot_answers_it_can_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(bots, "KNOCK_SECONDS", 0.01)
    asked: list[str] = []

    async def odd(_self: object, path: str, **_params: str) -> Any:
        asked.append(path)
        return orjson.loads(answer)

    monkeypatch.setattr(BotClient, "_get", odd)
    async with FakeBot() as fake:
        bot = bot_of(fake, tmp_path)
        bot.follow(Taken(), {}, 60)
        await until(lambda: len(asked) > 5)
        assert not bot.proven
        await bot.leave()
        await bot.leave()


async def test_asking_that_breaks_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bots, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(bots, "ASK_SECONDS", 0.01)
    broken = 0

    async def breaks(_self: object) -> Any:
        nonlocal broken
        broken += 1
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(BotClient, "show_config", breaks)
    async with FakeBot() as fake:
        bot = bot_of(fake, tmp_path)
        bot.follow(Taken(), {}, 60)
        await until(lambda: broken > 6)
        assert not bot.observed("", 1000).healthy
        await bot.leave()


async def test_an_answer_without_end_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "LARGEST_MESSAGE", 100)
    async with FakeBot() as fake:
        fake.name = "x" * 200
        async with BotClient(fake.port, fake.credentials) as asking:
            with pytest.raises(BotUnreachableError, match="too long"):
                await asking.show_config()
