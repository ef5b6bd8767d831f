"""``picture_of_signal``: settings.NOTIFICATION_PICTURE_MAKER names it."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import async_to_sync

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.timeframes import length_ms
from freqtrade_mgmt.candles import candles_read
from freqtrade_mgmt.pictures.draw import Drawing, draw

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from freqtrade_mgmt.candles import CandlesRead
    from freqtrade_mgmt.candles.resample import Ohlcv

logger = logging.getLogger(__name__)

# The message waits for it, so a bot that hangs must not hold it up for long.
SECONDS: Final = 2.0
CANDLES: Final = 72
FEWEST: Final = 5


def picture_of_signal(
    context: Mapping[str, Any], zone: ZoneInfo, rise: str = "green"
) -> bytes | None:
    """Return a PNG of the candles up to a signal, None when there are none to draw.

    ``context`` is that of the signal's message: strategy_id, pair, timeframe,
    candle_close, signal_type, price. What rises is drawn in ``rise``, green or red,
    and what falls in the other one. It takes ``SECONDS`` at most, and the drawing.
    """
    pair, timeframe = str(context.get("pair")), str(context.get("timeframe"))
    candles = _candles(context, pair, timeframe)
    if len(candles) < FEWEST:
        return None
    return draw(
        Drawing(
            head=f"{pair}  {timeframe}  {context.get('exchange') or ''}",
            candles=candles,
            signal_type=str(context.get("signal_type")),
            price=str(context.get("price")),
            zone=zone,
            red_rises=rise == "red",
        )
    )


def _candles(context: Mapping[str, Any], pair: str, timeframe: str) -> list[Ohlcv]:
    """Return the candles that end with the signal's own; nothing without that one."""
    strategy_id = context.get("strategy_id")
    closed = _moment(context.get("candle_close"))
    if not isinstance(strategy_id, int) or closed is None:
        return []
    until = round(closed.timestamp() * 1000)
    try:
        candles = async_to_sync(_read)(strategy_id, pair, timeframe, until).candles
        length = length_ms(timeframe)
    except TimeoutError:
        logger.warning("No picture: the candles of %s took too long.", pair)
        return []
    except BtcWatcherError as error:
        logger.warning("No picture of %s: %s", pair, error.message)
        return []
    return candles if candles and candles[-1].open_ms + length == until else []


async def _read(strategy_id: int, pair: str, timeframe: str, until: int) -> CandlesRead:
    async with asyncio.timeout(SECONDS):
        return await candles_read(strategy_id, pair, timeframe, until, CANDLES)


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
