"""Strategies as their pages meet them: with health, processes and candles."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from strategies.models import Status, Strategy, StrategyProcess
from strategies.services import candles_seen, health_merge, strategy_create

if TYPE_CHECKING:
    from django.test import Client

CODE = """class Cross(IStrategy):
    timeframe = "5m"

    def populate_indicators(self, dataframe, metadata):
        dataframe["fast"] = dataframe["close"].ewm(span=12).mean()
        return dataframe
"""
CONFIG: dict[str, Any] = {
    "class_name": "Cross",
    "code": CODE,
    "exchange": "simulated",
    "pairs": ["BTC/USDT", "ETH/USDT"],
    "timeframe": "5m",
}


def made(name: str, *, config: dict[str, Any] | None = None, **more: Any) -> Strategy:
    """Return a stopped strategy."""
    return strategy_create(name=name, config=CONFIG | (config or {}), **more)


def put(strategy: Strategy, status: str, *, reason: str = "") -> Strategy:
    """Put a strategy into a state, as if it had come there; list and row agree."""
    health_merge(strategy.pk, {"reason": reason})
    Strategy.objects.filter(pk=strategy.pk).update(
        status=status, updated_at=timezone.now()
    )
    strategy.refresh_from_db()
    return strategy


def process(
    strategy: Strategy, *, seen: timedelta = timedelta(0), **fields: Any
) -> StrategyProcess:
    """Return an open process of a strategy, last seen ``seen`` ago."""
    now = timezone.now()
    usage = {"create_time": 1.0, "port": 1, "freqtrade_version": "2026.9"}
    start = fields.pop("start_time", now - timedelta(hours=5))
    row = StrategyProcess.objects.create(
        strategy=strategy,
        pid=fields.pop("pid", 4711),
        status=fields.pop("status", Status.RUNNING),
        resource_usage=usage | fields.pop("usage", {}),
        **fields,
    )
    StrategyProcess.objects.filter(pk=row.pk).update(
        start_time=start, last_heartbeat=now - seen
    )
    return row


def healthy(**changes: Any) -> dict[str, Any]:
    """Return what a health round finds of a bot that is well."""
    now = timezone.now()
    return {
        "score": 100,
        "level": "good",
        "reasons": [],
        "checked_at": now.isoformat(),
        "uptime_s": 18_000,
        "bot_state": "RUNNING",
        "last_process_age_s": 2,
        "pairs": {},
        "newest_candle": now.isoformat(),
        "signals_24h": 14,
        "usual_24h": 12.5,
        "errors": 0,
        "cpu_percent": 3.2,
        "rss_mb": 287.4,
        "freqtrade_version": "2026.9",
    } | changes


def running(
    name: str, *, config: dict[str, Any] | None = None, **health: Any
) -> Strategy:
    """Return a strategy whose bot runs, was seen just now and has fresh candles."""
    strategy = put(made(name, config=config), Status.RUNNING)
    process(strategy)
    candles(strategy, timezone.now() - timedelta(seconds=30))
    health_merge(strategy.pk, {"health": healthy(**health)})
    strategy.refresh_from_db()
    return strategy


def candles(strategy: Strategy, close: datetime) -> None:
    """Let the newest candle of every pair have closed at ``close``; 5m candles."""
    opened = round((close - timedelta(minutes=5)).timestamp() * 1000)
    candles_seen(strategy.pk, dict.fromkeys(strategy.config["pairs"], opened))


def shown(client: Client, path: str) -> str:
    """Return the page at ``path``."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def plain(html: str) -> str:
    """Return the text of a page, its tags removed."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>|&nbsp;", " ", html))
