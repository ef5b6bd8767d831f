"""A signal's message with everything that templates can say about it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from notifications.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNAL_ID = uuid.UUID("0b7f6d56-52c1-4c43-8d4d-1f3f5a3f2d11")
SHANGHAI = ZoneInfo("Asia/Shanghai")
LINK = f"https://watcher.example.org/signals/{SIGNAL_ID}/"
CONTEXT = {
    "strategy_id": 3,
    "strategy": "ema_cross",
    "version": "v1.4",
    "exchange": "binance",
    "pair": "BTC/USDT",
    "timeframe": "5m",
    "signal_type": "BUY",
    "strength": 82.0,
    "level": "strong",
    "price": "63210.5",
    "candle_close": "2026-11-22T12:05:00Z",
    "mark": "enter_long",
    "tag": "ema_cross_up",
    "indicators": {"rsi": 28.1234567, "trend": "up"},
    "url": LINK,
}
ENGLISH = f"""\
▲ BUY BTC/USDT 5m · strong 82

Price: 63210.5
Candle closed: 2026-11-22 20:05 (Asia/Shanghai, UTC+8)
Strategy: ema_cross v1.4
Exchange: binance
Mark: enter_long · ema_cross_up
rsi 28.1235 · trend up
{LINK}"""
CHINESE = f"""\
▲ 买入 BTC/USDT 5m · 强 82

价格：63210.5
K 线收盘：2026-11-22 20:05 (Asia/Shanghai, UTC+8)
策略：ema_cross v1.4
交易所：binance
标记：enter_long · ema_cross_up
rsi 28.1235 · trend up
{LINK}"""
TEXTS = {"en": ENGLISH, "zh-hans": CHINESE}


def signal(context: Mapping[str, Any] | None = None, **changes: Any) -> Message:
    """Return the message with some of its context changed; None takes a key away."""
    merged = CONTEXT | dict(context or {})
    plain: dict[str, Any] = {
        "message_type": "signal",
        "priority": "P0",
        "title": "▲ BUY BTC/USDT 5m · strong 82",
        "body": "",
        "signal_id": SIGNAL_ID,
        "context": {key: value for key, value in merged.items() if value is not None},
    }
    return Message(**(plain | changes))
