"""A bot on loopback whose candles have prices, with the folder that a real one leaves."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import threading
import time
from typing import TYPE_CHECKING, Any

from btc_watcher.lib.timeframes import duration
from freqtrade_mgmt.bot_config import BotSpec, bot_folder_write
from tests.freqtrade_mgmt.fake_bot import FakeBot, _written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = ("date", "open", "high", "low", "close", "volume", "rsi", "enter_long")
CODE = "class Candle:\n    timeframe = '5m'\n"


def walk(count: int, timeframe: str, *, seed: int = 7, now: float | None = None) -> Any:
    """Return ``count`` candles, the last of which has just closed."""
    step = int(duration(timeframe).total_seconds() * 1000)
    newest = int((now or time.time()) * 1000) // step * step - step
    draw = random.Random(seed)  # noqa: S311 - prices, not secrets
    price, candles = 63_000.0, []
    for number in range(count):
        opened = price
        price *= 1 + draw.gauss(0, 0.0011) + 0.0006 * math.sin(number / 37)
        high = max(opened, price) * (1 + abs(draw.gauss(0, 0.0006)))
        low = min(opened, price) * (1 - abs(draw.gauss(0, 0.0006)))
        volume = abs(draw.gauss(12, 5)) * (1 + 40 * abs(price / opened - 1) * 10)
        prices = [round(value, 2) for value in (opened, high, low, price)]
        candles.append(
            [newest - (count - 1 - number) * step, *prices, round(volume, 4)]
        )
    return candles


def candle_lasts(seconds: float = 15.0, timeframe: str = "5m") -> None:
    """Wait until no candle closes within ``seconds``: a test's bot would be behind."""
    step = duration(timeframe).total_seconds()
    left = step - time.time() % step
    if left <= seconds:
        time.sleep(left + 0.05)


class CandleBot(FakeBot):
    """Answers pair_candles from ``candles``: pair to rows of open ms and OHLCV."""

    def __init__(
        self,
        strategy_id: int,
        pairs: tuple[str, ...] = ("BTC/USDT",),
        timeframe: str = "5m",
    ) -> None:
        super().__init__(pairs)
        self.strategy_id = strategy_id
        self.name = f"btcw-{strategy_id}"
        self.timeframe = timeframe
        self.candles: dict[str, list[list[Any]]] = {pair: [] for pair in pairs}
        self.delay = 0.0

    @property
    def asked(self) -> int:
        """How often somebody wanted candles."""
        return sum("pair_candles" in address for address in self.requests)

    def write_folder(self, home: Path) -> None:
        """Leave the configuration where the supervisor would."""
        spec = BotSpec(
            strategy_id=self.strategy_id,
            name=self.name,
            class_name="Candle",
            code=CODE,
            exchange="simulated",
            pairs=tuple(self.candles),
            timeframe=self.timeframe,
            stake_currency="USDT",
        )
        (home / "bots").mkdir(exist_ok=True)
        bot_folder_write(
            home / "bots" / str(self.strategy_id),
            spec,
            self.credentials,
            self.port,
            "http://127.0.0.1:1/api/v3",
        )

    async def _request(self, request: Any) -> Any:
        await asyncio.sleep(self.delay)
        return await super()._request(request)

    def _candles(self, query: Any) -> dict[str, Any]:
        rows: list[list[Any]] = []
        if query["timeframe"] == self.timeframe:
            rows = self.candles.get(query["pair"], [])[-int(query["limit"]) :]
        data = [[_written(row[0]), *row[1:], 50.0, None] for row in rows]
        return {
            "columns": list(COLUMNS),
            "data": data,
            "length": len(data),
            "last_analyzed_ts": int(time.time()) if rows else 0,
        }


@contextlib.contextmanager
def running(*bots: CandleBot) -> Iterator[None]:
    """Let bots answer from a thread of their own, for tests that have no event loop."""
    started = threading.Event()
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for bot in bots:
                await stack.enter_async_context(bot)
            started.set()
            await ending.wait()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run, name="bots")
    thread.start()
    assert started.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(10)
