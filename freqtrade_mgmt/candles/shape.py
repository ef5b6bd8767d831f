"""Candles as pages and the API give them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from freqtrade_mgmt.chart_words import behind_text, reason_text

if TYPE_CHECKING:
    from freqtrade_mgmt.candles.reader import CandlesRead


def candles_shape(read: CandlesRead) -> dict[str, Any]:
    """Return candles with where they are from and what is wrong with them."""
    source = read.source
    name = source.name if source else ""
    message = reason_text(read.reason, name)
    if read.state == "behind":
        message = behind_text(name)
    return {
        "state": read.state,
        "message": message,
        "candles": [[*candle[:6], int(candle.closed)] for candle in read.candles],
        "source": source
        and {
            "id": source.strategy_id,
            "name": source.name,
            "timeframe": source.timeframe,
        },
        "earlier": read.earlier,
        "read": read.read_ms,
        "next_close": read.next_close_ms,
        "now": int(time.time() * 1000),
    }
