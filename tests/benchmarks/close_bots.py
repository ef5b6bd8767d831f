"""The bots of a candle close, in a process of their own: see ``closing``.

``python -m tests.benchmarks.close_bots BOTS PAIRS`` prints one line of JSON: a list of port, user,
password and token. ``connected 0`` on its input is answered when every bot is followed
and has been asked for the candles of all its pairs. Any other line, ``OPEN_MS MARK``, has
every bot tell of a closed candle with this mark for each of its pairs, and is answered by
a line of JSON: when (monotonic) the first frame was written and when the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from tests.freqtrade_mgmt.fake_bot import FakeBot

if TYPE_CHECKING:
    from collections.abc import Iterator

# freqtrade has none so short; it lets several candles close within a short run.
TIMEFRAME: Final = "10s"
CANDLE_MS: Final = 10_000
CONNECTED: Final = "connected"


def names(count: int) -> tuple[str, ...]:
    """Return the pairs of each bot."""
    return tuple(f"P{pair}/USDT" for pair in range(count))


class CloseBot(FakeBot):
    """Has no candles to ask for, and tells of those that close."""

    def __init__(self, pairs: int) -> None:
        super().__init__(names(pairs))

    def frames_of(self, open_ms: int, mark: str) -> Iterator[str]:
        """Yield the message about each pair's candle."""
        for number, pair in enumerate(self.frames):
            columns = [*COLUMNS, mark, mark.replace("long", "tag")]
            values = [*_row(number, open_ms), 1, "ema_cross_up"]
            value = {"columns": columns, "index": [998], "data": [values]}
            frame = {"__type__": "dataframe", "__value__": orjson.dumps(value).decode()}
            data = {"key": [pair, TIMEFRAME, "spot"], "df": frame, "la": "2026-01-01"}
            yield orjson.dumps({"type": "analyzed_df", "data": data}).decode()


COLUMNS: Final = (
    *("date", "open", "high", "low", "close", "volume"),
    *("rsi", "ema_fast", "ema_slow", "atr", "signal_strength"),
)


def _row(number: int, open_ms: int) -> list[Any]:
    price = 100.0 + number
    # A third each of strong, medium and weak, as in the other figures.
    strength = float(25 + (number % 3) * 30)
    indicators = [61.2345678, 100.1234567, 99.7654321, 1.2345678, strength]
    return [open_ms, price, price + 1, price - 1, price, 1234.5, *indicators]


async def connected(bots: list[CloseBot]) -> int:
    """Wait until all were asked for their pairs and candles; return how often."""
    for bot in bots:
        await bot.subscribed.wait()
        while len(bot.requests) < 1 + len(bot.frames):  # noqa: ASYNC110 - they count themselves
            await asyncio.sleep(0.05)
    return sum(len(bot.requests) for bot in bots)


async def close(bots: list[CloseBot], open_ms: int, mark: str) -> tuple[float, float]:
    """Have all bots speak at once, each in the order of its pairs."""
    texts = [list(bot.frames_of(open_ms, mark)) for bot in bots]
    started = time.monotonic()

    async def speak(bot: CloseBot, mine: list[str]) -> None:
        for text in mine:
            await bot.send(text)
            # As in a bot, nobody sends all at once while others wait.
            await asyncio.sleep(0)

    await asyncio.gather(*map(speak, bots, texts))
    return started, time.monotonic()


async def serve(count: int, pairs: int) -> None:
    """Serve until the input ends."""
    bots = [CloseBot(pairs) for _ in range(count)]
    async with contextlib.AsyncExitStack() as stack:
        for bot in bots:
            await stack.enter_async_context(bot)
        _say(
            [
                [bot.port, who.username, who.password, who.ws_token]
                for bot in bots
                for who in (bot.credentials,)
            ]
        )
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, mark = line.split()
            if what == CONNECTED:
                _say(await connected(bots))
            else:
                _say(await close(bots, int(what), mark))


def _say(answer: object) -> None:
    sys.stdout.write(orjson.dumps(answer).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
