"""What figures need: strategies, a channel, a load, output."""

from __future__ import annotations

import json
import statistics
import sys
from typing import TYPE_CHECKING, Any

from notifications.services import channel_create
from signals_app.candidates import Candidate
from signals_app.grading import Thresholds
from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


STRATEGIES, PAIRS = 50, 100


def quick() -> bool:
    """Tell whether few repetitions are wanted."""
    return "--quick" in sys.argv


def report(figure: str, **values: Any) -> None:
    """Print one figure as one JSON object."""
    rounded = {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in values.items()
    }
    sys.stdout.write(json.dumps({"figure": figure, **rounded}) + "\n")
    sys.stdout.flush()


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


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
