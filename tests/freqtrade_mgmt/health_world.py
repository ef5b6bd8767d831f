"""Strategies with bots on loopback, and a clock: the world of a health round."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psutil
from django.utils import timezone

from freqtrade_mgmt.health.round import Figures, strategy_health_round
from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.supervisor.records import bot_folder
from notifications.models import Notification
from notifications.services import channel_create
from strategies.models import Strategy, StrategyProcess
from tests.freqtrade_mgmt.fake_bots import FakeBot, FakeBots, folder_make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAIRS = ("BTC/USDT", "ETH/USDT")
OLD = 3600


@dataclass
class World:
    """Bots and strategies, and a clock that rounds move by half a minute."""

    bots: FakeBots
    now: datetime = field(default_factory=timezone.now)
    counter: SignalCounter = field(default_factory=SignalCounter)
    fakes: dict[int, FakeBot] = field(default_factory=dict)
    stale: set[int] = field(default_factory=set)
    supervisor_away: bool = False

    def strategy(
        self,
        name: str = "ema",
        *,
        pid: int | None = None,
        served: bool = True,
        **changes: Any,
    ) -> Strategy:
        """Make a running strategy that has been watched for days, with its bot."""
        days_ago = (self.now - timedelta(days=2)).isoformat()
        health = {
            "level": "good",
            "wanted_since": days_ago,
            "checked_at": self.now.isoformat(),
        }
        config = {"exchange": "binance", "pairs": list(PAIRS), "timeframe": "1m"}
        strategy = Strategy.objects.create(
            name=name,
            status=changes.pop("status", "running"),
            config=config | changes.pop("config", {}),
            health_metrics={"health": health, "restarts": 3},
            created_at=self.now - timedelta(days=20),
            **changes,
        )
        folder_make(bot_folder(strategy.pk), strategy.pk, PAIRS)
        if served:
            self.fakes[strategy.pk] = self.bots.serve(bot_folder(strategy.pk))
        self.process(strategy, pid or os.getpid())
        return strategy

    def process(self, strategy: Strategy, pid: int) -> StrategyProcess:
        """Record an open process of a strategy."""
        return StrategyProcess.objects.create(
            strategy=strategy,
            pid=pid,
            status="running",
            start_time=self.now - timedelta(hours=1),
            resource_usage={"create_time": psutil.Process(pid).create_time()},
        )

    def round(self, seconds: int = 30) -> Figures:
        """Let half a minute pass, in which healthy bots analyse, and do a round."""
        self.now += timedelta(seconds=seconds)
        opened = int((self.now.timestamp() - 70) * 1000)
        for strategy in Strategy.objects.exclude(pk__in=self.stale):
            pairs = strategy.config["pairs"]
            strategy.health_metrics["last_candles"] = dict.fromkeys(pairs, opened)
            strategy.save(update_fields=["health_metrics"])
        if not self.supervisor_away:
            rows = StrategyProcess.objects.filter(stop_time=None)
            rows.update(last_heartbeat=self.now)
        for fake in self.fakes.values():
            fake.last_process = self.now.timestamp()
        return strategy_health_round(self.now, self.counter)

    def stall(self, *strategies: Strategy) -> None:
        """Let these analyse nothing any more, since an hour ago."""
        opened = int((self.now.timestamp() - OLD) * 1000)
        for strategy in strategies:
            strategy.refresh_from_db()
            strategy.health_metrics["last_candles"] = dict.fromkeys(PAIRS, opened)
            strategy.save(update_fields=["health_metrics"])
            self.stale.add(strategy.pk)

    def resume(self) -> None:
        """Let everybody analyse again."""
        self.stale.clear()


@contextlib.contextmanager
def world_open(home: Path, settings: Any) -> Iterator[World]:
    """Open an empty world, with a channel that is told of everything."""
    settings.BTCW_HOME = home
    settings.LANGUAGE_CODE = "en"
    # The bots are this very process, which holds more than one of them would.
    settings.BOT_MEMORY_MB = 100_000
    channel_create(
        name="mail",
        type="email",
        config={"host": "127.0.0.1", "port": 9, "from": "a@b.cc", "to": ["d@e.ff"]},
    )
    with FakeBots() as bots:
        yield World(bots)


def health(strategy: Strategy) -> dict[str, Any]:
    """Return what the last round stored."""
    strategy.refresh_from_db()
    found: dict[str, Any] = strategy.health_metrics["health"]
    return found


def codes(strategy: Strategy) -> list[str]:
    """Return the codes of the reasons, the worst first."""
    return [reason["code"] for reason in health(strategy)["reasons"]]


def titles() -> list[str]:
    """Return the titles of all alerts, in their order."""
    rows = Notification.objects.filter(message_type="alert").order_by("id")
    return [row.metadata["title"] for row in rows]
