"""Candles from bots on loopback: asked once for everybody, kept, honest when away."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from btc_watcher.lib import redis_keys
from btc_watcher.lib.redis_client import redis_connection
from freqtrade_mgmt.cache.candles import FrameKey, frame_lock, frame_unlock
from freqtrade_mgmt.candles import candles_read
from strategies.models import Strategy
from tests.freqtrade_mgmt.candle_bot import CandleBot, candle_lasts, walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    import redis

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = "BTC/USDT"
Rows = list[list[Any]]


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis) -> None:
    """Nothing is kept from the test before."""


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    """The folder where bots lie."""
    settings.BTCW_HOME = tmp_path
    return tmp_path


@pytest.fixture
def strategy() -> Callable[..., Any]:
    """Store a strategy on the simulated exchange."""

    def one(name: str, timeframe: str = "5m", status: str = "running") -> Any:
        config = {"exchange": "simulated", "pairs": [PAIR], "timeframe": timeframe}
        return Strategy.objects.acreate(name=name, status=status, config=config)

    return one


@pytest.fixture
async def bot(home: Path, strategy: Callable[..., Any]) -> AsyncIterator[CandleBot]:
    """A running 5m bot with 600 candles."""
    row = await strategy("first")
    await asyncio.to_thread(candle_lasts)
    async with CandleBot(row.pk) as answering:
        answering.candles[PAIR] = walk(600, "5m")
        answering.write_folder(home)
        yield answering


async def test_the_newest_candles_come_from_the_strategys_own_bot(
    bot: CandleBot,
) -> None:
    read = await candles_read(bot.strategy_id, PAIR, "5m", limit=100)

    assert read.state == "live"
    assert [list(candle[:6]) for candle in read.candles] == bot.candles[PAIR][-100:]
    assert read.earlier
    assert read.source is not None
    assert read.source.strategy_id == bot.strategy_id
    assert read.next_close_ms > time.time() * 1000


async def test_older_candles_are_given_up_to_the_beginning_of_the_window(
    bot: CandleBot,
) -> None:
    rows = bot.candles[PAIR]

    middle = await candles_read(bot.strategy_id, PAIR, "5m", rows[300][0], 250)
    first = await candles_read(bot.strategy_id, PAIR, "5m", rows[50][0], 250)
    before = await candles_read(bot.strategy_id, PAIR, "5m", rows[0][0], 250)

    assert [c.open_ms for c in middle.candles] == [row[0] for row in rows[50:300]]
    assert middle.earlier
    assert [c.open_ms for c in first.candles] == [row[0] for row in rows[:50]]
    assert not first.earlier
    assert before.candles == []


async def test_longer_candles_are_made_from_those_of_the_bot(bot: CandleBot) -> None:
    read = await candles_read(bot.strategy_id, PAIR, "1h")

    assert 49 <= len(read.candles) <= 51
    assert all(candle.open_ms % 3_600_000 == 0 for candle in read.candles)
    inside = [
        r
        for r in bot.candles[PAIR]
        if r[0] // 3_600_000 * 3_600_000 == read.candles[5].open_ms
    ]
    assert read.candles[5].volume == pytest.approx(sum(row[5] for row in inside))


async def test_many_browsers_cost_one_request(bot: CandleBot) -> None:
    bot.delay = 0.1
    await asyncio.gather(
        *(candles_read(bot.strategy_id, PAIR, wanted) for wanted in ["5m", "1h"] * 20)
    )
    assert bot.asked == 1
    await candles_read(bot.strategy_id, PAIR, "15m")
    assert bot.asked == 1


async def test_the_frame_is_kept_no_longer_than_to_the_next_close(
    bot: CandleBot, redis_client: redis.Redis
) -> None:
    await candles_read(bot.strategy_id, PAIR, "5m")

    left = redis_client.pttl(redis_keys.candles(bot.strategy_id, PAIR, "5m"))
    until_close = 300_000 - time.time() * 1000 % 300_000

    assert 0 < int(left) <= min(150_000, until_close + 1_000)


async def test_a_bot_that_lacks_a_closed_candle_is_asked_again_soon(
    bot: CandleBot, redis_client: redis.Redis
) -> None:
    del bot.candles[PAIR][-2:]

    read = await candles_read(bot.strategy_id, PAIR, "5m")

    assert read.state == "behind"
    assert (
        int(redis_client.pttl(redis_keys.candles(bot.strategy_id, PAIR, "5m"))) <= 2_000
    )


async def test_another_process_that_asks_is_waited_for(bot: CandleBot) -> None:
    key = FrameKey(bot.strategy_id, PAIR, "5m")
    token = await asyncio.to_thread(frame_lock, key)
    assert token
    waiting = asyncio.create_task(candles_read(bot.strategy_id, PAIR, "5m"))
    await asyncio.sleep(0.2)
    assert bot.asked == 0
    assert await asyncio.to_thread(frame_lock, key) is None

    await asyncio.to_thread(frame_unlock, key, "somebody else's")
    assert await asyncio.to_thread(frame_lock, key) is None
    await asyncio.to_thread(frame_unlock, key, token)

    # A candle may close while we wait.
    assert (await waiting).state in {"live", "behind"}
    assert bot.asked == 1


@pytest.fixture
def no_redis(settings: Any) -> Iterator[None]:
    """A Redis address at which nobody listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_connection.cache_clear()
    yield
    redis_connection.cache_clear()


@pytest.mark.usefixtures("no_redis")
async def test_without_redis_candles_come_all_the_same(bot: CandleBot) -> None:
    bot.delay = 0.1
    reads = await asyncio.gather(
        *(candles_read(bot.strategy_id, PAIR, "5m") for _ in range(5))
    )

    assert [read.state for read in reads] == ["live"] * 5
    assert bot.asked == 1


async def test_a_stopped_bot_leaves_its_last_candles_and_a_reason(
    bot: CandleBot, redis_client: redis.Redis
) -> None:
    await candles_read(bot.strategy_id, PAIR, "5m")
    await Strategy.objects.filter(pk=bot.strategy_id).aupdate(status="stopped")
    redis_client.delete(redis_keys.candles(bot.strategy_id, PAIR, "5m"))

    read = await candles_read(bot.strategy_id, PAIR, "15m")

    assert (read.state, read.reason) == ("kept", "stopped")
    assert len(read.candles) >= 199
    assert bot.asked == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("stopped", "stopped"),
        ("starting", "starting"),
        ("error", "error"),
        ("running", "silent"),
    ],
)
@pytest.mark.usefixtures("home")
async def test_no_bot_and_nothing_kept_is_told_with_its_reason(
    strategy: Callable[..., Any], status: str, reason: str
) -> None:
    row = await strategy("quiet", status=status)

    read = await candles_read(row.pk, PAIR, "5m")

    assert (read.state, read.reason, read.candles) == ("none", reason, [])


async def test_another_strategys_bot_helps_out(
    bot: CandleBot, strategy: Callable[..., Any]
) -> None:
    stopped = await strategy("second", status="stopped", timeframe="15m")

    read = await candles_read(stopped.pk, PAIR, "15m")

    assert read.state == "live"
    assert read.source is not None
    assert read.source.strategy_id == bot.strategy_id


async def test_a_stranger_on_the_bots_port_is_not_believed(bot: CandleBot) -> None:
    bot.name = "btcw-99"
    read = await candles_read(bot.strategy_id, PAIR, "5m")
    assert (read.state, read.reason) == ("none", "silent")
    assert bot.asked == 0


async def test_a_bot_that_hangs_is_given_up_in_time(
    bot: CandleBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freqtrade_mgmt.candles.frames.PATIENCE_SECONDS", 0.2)
    bot.delay = 30
    began = time.monotonic()

    read = await candles_read(bot.strategy_id, PAIR, "5m")

    assert (read.state, read.reason) == ("none", "silent")
    assert time.monotonic() - began < 5


async def test_a_bot_that_has_analysed_nothing_says_so(bot: CandleBot) -> None:
    bot.candles[PAIR] = []
    read = await candles_read(bot.strategy_id, PAIR, "5m")
    assert (read.state, read.reason) == ("none", "empty")


async def test_candles_without_a_price_are_left_out(bot: CandleBot) -> None:
    bot.candles[PAIR][-2][4] = None
    bot.candles[PAIR][-1][5] = None

    read = await candles_read(bot.strategy_id, PAIR, "5m", limit=2)

    assert [c.open_ms for c in read.candles] == [
        bot.candles[PAIR][-3][0],
        bot.candles[PAIR][-1][0],
    ]
    assert read.candles[-1].volume == 0


async def test_what_nobody_watches_is_told(bot: CandleBot) -> None:
    for pair, timeframe in (("DOGE/USDT", "5m"), (PAIR, "1m")):
        read = await candles_read(bot.strategy_id, pair, timeframe)
        assert (read.state, read.reason) == ("none", "nobody")
    assert (await candles_read(10**6, PAIR, "5m")).reason == "unknown"


async def test_a_damaged_configuration_of_a_strategy_breaks_no_chart(
    bot: CandleBot,
) -> None:
    await sync_to_async(Strategy.objects.create)(
        name="odd", config={"exchange": "simulated", "pairs": "BTC", "timeframe": 5}
    )
    await sync_to_async(Strategy.objects.create)(name="bare", config={})
    assert (await candles_read(bot.strategy_id, PAIR, "5m")).state == "live"
