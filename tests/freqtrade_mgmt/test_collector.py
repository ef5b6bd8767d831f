"""No candle is missed, whatever breaks between the bot and us."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.bot_config import BotCredentials
from freqtrade_mgmt.supervisor import collector as collector_module
from freqtrade_mgmt.supervisor.client import BotClient, BotUnreachableError
from freqtrade_mgmt.supervisor.collector import Collector
from freqtrade_mgmt.supervisor.frames import Watched
from tests.freqtrade_mgmt.fake_bot import FakeBot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from freqtrade_mgmt.supervisor.intake import Seen

MARK: dict[str, Any] = {"enter_long": 1, "signal_strength": 80.0}


class Recorder:
    """Takes what the collector hands over, in place of the database."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    async def submit(self, seen: Seen) -> None:
        """Keep it."""
        self.seen.append(seen)

    @property
    def signals(self) -> list[tuple[int, str]]:
        """Open time and source of every mark, in the order of arrival."""
        return [
            (int(candidate.timestamp.timestamp() * 1000) - 60_000, candidate.source)
            for seen in self.seen
            for candidate in seen.candidates
        ]


@pytest.fixture(autouse=True)
def _quick_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "RECONNECT_SECONDS", 0.02)


@pytest.fixture
async def bot() -> AsyncIterator[FakeBot]:
    async with FakeBot() as fake:
        yield fake


@contextlib.asynccontextmanager
async def collecting(
    bot: FakeBot, newest: dict[str, int] | None = None, **watched: Any
) -> AsyncIterator[Recorder]:
    """Run a collector on a fake bot."""
    recorder = Recorder()
    async with BotClient(bot.port, bot.credentials) as client:
        collector = Collector(
            client=client,
            watched=Watched(
                strategy_id=7,
                name="ema",
                version="v1.0",
                exchange="simulated",
                timeframe="1m",
                **watched,
            ),
            intake=recorder,
            newest=newest or {},
            first_backfill=30,
        )
        task = asyncio.create_task(collector.run())
        try:
            await until(bot.subscribed.is_set)
            yield recorder
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.005)


async def test_marks_of_the_frame_are_back_filled_on_connecting(bot: FakeBot) -> None:
    marked = bot.add(5, **MARK)
    bot.add(4)

    async with collecting(bot) as recorder:
        await until(lambda: bool(recorder.signals))

    assert recorder.signals == [(marked, "backfill")]


async def test_a_told_candle_is_live(bot: FakeBot) -> None:
    bot.add(2)
    async with collecting(bot) as recorder:
        await until(lambda: bool(recorder.seen))
        opened = bot.add(1, **MARK)
        await bot.tell(opened)
        await until(lambda: bool(recorder.signals))

    assert recorder.signals == [(opened, "live")]


async def test_candles_that_nobody_told_are_fetched_before_the_one_that_shows_it(
    bot: FakeBot,
) -> None:
    bot.add(6)
    async with collecting(bot) as recorder:
        await until(lambda: bool(recorder.seen))
        silent = [bot.add(minutes, **MARK) for minutes in (5, 4, 3)]
        told = bot.add(2, **MARK)
        await bot.tell(told)
        await until(lambda: len(recorder.signals) == 4)

    assert recorder.signals == [
        *((opened, "backfill") for opened in silent),
        (told, "live"),
    ]


async def test_what_closed_while_the_connection_was_broken_is_fetched(
    bot: FakeBot,
) -> None:
    bot.add(6)
    async with collecting(bot) as recorder:
        await until(lambda: bool(recorder.seen))
        await bot.hang_up()
        missed = bot.add(5, **MARK)
        await until(lambda: bool(recorder.signals))

    assert recorder.signals == [(missed, "backfill")]


async def test_the_newest_candle_of_an_earlier_life_bounds_the_back_fill(
    bot: FakeBot,
) -> None:
    known = bot.add(9, **MARK)
    missed = bot.add(8, **MARK)

    async with collecting(bot, newest={"BTC/USDT": known}) as recorder:
        await until(lambda: bool(recorder.signals))

    assert recorder.signals == [(missed, "backfill")]
    (request,) = [url for url in bot.requests if "pair_candles" in url]
    # Ten minutes have passed since it opened, and perhaps one more by now.
    assert "limit=12" in request or "limit=13" in request


async def test_a_candle_that_is_told_again_and_again_is_taken_once(
    bot: FakeBot,
) -> None:
    bot.add(2)
    async with collecting(bot) as recorder:
        await until(lambda: bool(recorder.seen))
        opened = bot.add(1, **MARK)
        for _ in range(3):
            await bot.tell(opened)
        after = bot.add(0, **MARK)
        await bot.tell(after)
        await until(lambda: len(recorder.signals) == 2)

    assert [stamp for stamp, _ in recorder.signals] == [opened, after]


async def test_a_candle_that_has_not_closed_is_not_taken(bot: FakeBot) -> None:
    closed = bot.add(1, **MARK)
    bot.add(-1, **MARK)

    async with collecting(bot) as recorder:
        await until(lambda: bool(recorder.signals))

    assert [stamp for stamp, _ in recorder.signals] == [closed]


async def test_candles_whose_indicators_warm_up_are_skipped(bot: FakeBot) -> None:
    stamps = [bot.add(minutes, **MARK) for minutes in range(10, 0, -1)]

    async with collecting(bot, startup_candles=4) as recorder:
        await until(lambda: bool(recorder.signals))

    assert [stamp for stamp, _ in recorder.signals] == stamps[4:]


async def test_a_broken_message_is_told_and_the_next_one_is_taken(
    bot: FakeBot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.add(3)
    async with collecting(bot) as recorder:
        await until(lambda: bool(recorder.seen))
        await bot.send("{not json")
        await bot.send('{"type":"analyzed_df","data":{}}')
        opened = bot.add(2, **MARK)
        row = {
            key: v for key, v in bot.frames["BTC/USDT"][-1].items() if key != "close"
        }
        await bot.send(bot.message("BTC/USDT", row))
        after = bot.add(1, **MARK)
        await bot.tell(after)
        await until(lambda: bool(recorder.signals))

    assert [stamp for stamp, _ in recorder.signals] == [after]
    assert "lacks 'key'" in caplog.text
    assert "its close is None" in caplog.text
    assert opened


async def test_a_bot_that_answers_500_is_asked_again(bot: FakeBot) -> None:
    bot.add(2, **MARK)
    bot.failing = True
    async with collecting(bot) as recorder:
        await until(lambda: len(bot.requests) > 2)
        assert recorder.seen == []
        bot.failing = False
        await until(lambda: bool(recorder.signals))


async def test_a_wrong_token_is_an_error_without_the_token(bot: FakeBot) -> None:
    stranger = BotCredentials.random()
    async with BotClient(bot.port, stranger) as client:
        with pytest.raises(BotUnreachableError) as asked:
            await client.show_config()
        with pytest.raises(BotUnreachableError) as listened:
            async with client.messages():
                pass

    for error in (asked, listened):
        assert stranger.ws_token not in repr(error.value)
        assert error.value.__cause__ is None


async def test_a_bot_that_is_not_there_is_an_error(unused_tcp_port: int) -> None:
    async with BotClient(unused_tcp_port, BotCredentials.random()) as client:
        with pytest.raises(BotUnreachableError, match="show_config: ClientConnector"):
            await client.show_config()
