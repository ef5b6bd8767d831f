"""What figures need: strategies, a channel, a load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifications.services import channel_create
from signals_app.candidates import Candidate
from signals_app.grading import Thresholds
from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


STRATEGIES, PAIRS = 50, 100


def make_strategies() -> list[tuple[int, str]]:
    """Store the strategies and one mail channel; return ids and names."""
    channel_create(
        name="bench",
        type="email",
        config={"host": "127.0.0.1", "port": 9, "from": "a@b.cc", "to": ["d@e.ff"]},
    )
    return [
        (Strategy.objects.create(name=f"bench {number}").pk, f"bench {number}")
        for number in range(STRATEGIES)
    ]


def candle_close(
    strategies: Sequence[tuple[int, str]], moment: datetime
) -> list[Candidate]:
    """Return what 50 strategies with 100 pairs mark when a candle closes."""
    thresholds = Thresholds()
    return [
        Candidate(
            strategy_id=pk,
            strategy_name=name,
            strategy_version="v1.0",
            exchange="binance",
            pair=f"P{pair}/USDT",
            timeframe="5m",
            mark="enter_long",
            signal_type="BUY",
            timestamp=moment,
            price=100.0 + pair,
            # A third each of strong, medium and weak.
            strength=float(25 + (pair % 3) * 30),
            strength_source="column",
            source="live",
            thresholds=thresholds,
            tag="ema_cross_up",
            indicators={
                "rsi": 61.2345678,
                "ema_fast": 100.1234567,
                "ema_slow": 99.7654321,
                "atr": 1.2345678,
            },
        )
        for pk, name in strategies
        for pair in range(PAIRS)
    ]
