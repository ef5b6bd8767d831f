"""Candidates for tests: a plain one, changed by keyword."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from signals_app.candidates import Candidate

# A whole hour: a candle of every timeframe closes here.
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

PLAIN = Candidate(
    strategy_id=None,
    strategy_name="ema cross",
    strategy_version="v1.0",
    exchange="simulated",
    pair="BTC/USDT",
    timeframe="1m",
    mark="enter_long",
    signal_type="BUY",
    timestamp=NOW,
    price=63_210.5,
    strength=85.0,
    strength_source="column",
    source="live",
    indicators={"rsi": 71.5},
)


def candidate(**changes: Any) -> Candidate:
    """Return the plain candidate with some fields changed."""
    return replace(PLAIN, **changes)


def run_of(length: int, **changes: Any) -> list[Candidate]:
    """Return a streak of candidates, one a minute, the last at NOW."""
    return [
        candidate(timestamp=NOW - timedelta(minutes=length - 1 - step), **changes)
        for step in range(length)
    ]
