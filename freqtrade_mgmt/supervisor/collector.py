"""Collects the signals of one bot: live from its messages, gaps from its REST API.

Messages have gaps and no replay: an outage of the exchange, a broken connection
or the second between the bot's first analysis and our subscription. So every
connection begins with a back-fill, and a jump in the candles causes one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.supervisor.client import BotUnreachableError
from freqtrade_mgmt.supervisor.frames import (
    Candle,
    FrameError,
    Watched,
    candle_candidates,
    message_candles,
)
from freqtrade_mgmt.supervisor.intake import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freqtrade_mgmt.supervisor.client import BotClient, Frame
    from freqtrade_mgmt.supervisor.intake import Taker

logger = logging.getLogger(__name__)

LIVE, BACKFILL = "live", "backfill"
LARGEST_FRAME: Final = 999
RECONNECT_SECONDS: Final = 1.0
# A second look for what every other way has missed.
SWEEP_SECONDS: Final = 900.0
SWEEP_CANDLES: Final = 30


class Collector:
    """Follows one bot until cancelled.

    ``newest`` is the newest candle per pair that was handled (open time in ms);
    ``analyzed_ms`` is when the bot last analysed anything, 0 before it did.
    """

    def __init__(
        self,
        *,
        client: BotClient,
        watched: Watched,
        intake: Taker,
        newest: Mapping[str, int],
        first_backfill: int,
    ) -> None:
        self._client = client
        self._watched = watched
        self._intake = intake
        self.newest = dict(newest)
        self._first_backfill = first_backfill
        self.analyzed_ms = 0

    async def run(self) -> None:
        """Connect, back-fill, follow; for ever."""
        while True:
            try:
                await self._follow()
            except BotUnreachableError as error:
                logger.info("%s: no messages (%s).", self._watched.name, error)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self) -> None:
        async with self._client.messages() as texts:
            # Subscribed first, back-filled second: no hole between the two.
            await self._backfill_all()
            swept = time.monotonic()
            async for text in texts:
                await self._take_message(text)
                if time.monotonic() - swept > SWEEP_SECONDS:
                    swept = time.monotonic()
                    await self._backfill_all(at_least=SWEEP_CANDLES)

    async def _backfill_all(self, at_least: int = 0) -> None:
        for pair in await self._client.pairs():
            await self._backfill(pair, at_least)

    async def _take_message(self, text: bytes) -> None:
        try:
            candles = message_candles(text, self._watched.timeframe)
        except (FrameError, ValueError) as error:
            logger.error("%s: %s", self._watched.name, error)  # noqa: TRY400
            return
        for candle in candles:
            await self._take_live(candle)

    async def _take_live(self, candle: Candle) -> None:
        self.analyzed_ms = int(time.time() * 1000)
        known = self.newest.get(candle.pair)
        if known is not None and candle.open_ms <= known:
            return
        missing = known is None or candle.open_ms - known > self._watched.candle_ms
        # Sized from the newest candle before this one was noted, and handed over
        # first, so that streaks are counted in order.
        whole = not missing or await self._backfill(candle.pair, until=candle.open_ms)
        # After a gap that could not be filled the next candle tries again.
        await self._hand_over(candle.pair, [candle], LIVE, note=whole)

    async def _backfill(
        self, pair: str, at_least: int = 0, until: int | None = None
    ) -> bool:
        """Hand over what is missing of a pair; False when its frame cannot be read."""
        known = self.newest.get(pair)
        limit = max(at_least, self._wanted(known))
        try:
            frame = await self._client.candles(pair, self._watched.timeframe, limit)
        except FrameError as error:
            logger.error("%s: %s", self._watched.name, error)  # noqa: TRY400
            return False
        self.analyzed_ms = max(self.analyzed_ms, frame.analyzed_ms)
        since = 0 if at_least else known or 0
        candles = [
            candle
            for candle in self._settled(frame)
            if since < candle.open_ms and (until is None or candle.open_ms < until)
        ]
        if candles:
            await self._hand_over(pair, candles, BACKFILL)
        return True

    def _wanted(self, known: int | None) -> int:
        if known is None:
            return self._first_backfill
        passed = int(time.time() * 1000) - known
        wanted = passed // self._watched.candle_ms + 2
        if wanted > LARGEST_FRAME:
            logger.warning(
                "%s was away for %d candles; the bot's frame holds %d of them.",
                self._watched.name,
                wanted,
                LARGEST_FRAME,
            )
        return max(2, min(LARGEST_FRAME, wanted))

    def _settled(self, frame: Frame) -> Sequence[Candle]:
        """Drop the first candles of a whole frame, whose indicators are warming up."""
        whole = len(frame.candles) < frame.asked or frame.asked >= LARGEST_FRAME
        skipped = self._watched.startup_candles if whole else 0
        closed = int(time.time() * 1000) - self._watched.candle_ms
        return [c for c in frame.candles[skipped:] if c.open_ms <= closed]

    async def _hand_over(
        self, pair: str, candles: Sequence[Candle], source: str, *, note: bool = True
    ) -> None:
        newest = max(candles[-1].open_ms, self.newest.get(pair, 0))
        seen = Seen(self._watched.strategy_id, {pair: newest} if note else {})
        for candle in candles:
            try:
                seen.candidates.extend(candle_candidates(candle, self._watched, source))
            except FrameError as error:
                logger.error("%s: %s", self._watched.name, error)  # noqa: TRY400
        await self._intake.submit(seen)
        if note:
            self.newest[pair] = newest
