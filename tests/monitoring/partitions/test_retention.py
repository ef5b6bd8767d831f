"""Rows of ended bots go after a time; the last of each strategy stay."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from monitoring.partitions import retention
from monitoring.partitions.retention import Retained, retention_apply
from strategies.models import Strategy, StrategyProcess

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def process(strategy: Strategy, days: int, *, ended: bool = True) -> StrategyProcess:
    moment = NOW - timedelta(days=days)
    row = StrategyProcess.objects.create(strategy=strategy, status="stopped")
    stop = moment if ended else None
    StrategyProcess.objects.filter(id=row.pk).update(start_time=moment, stop_time=stop)
    return row


def left(strategy: Strategy) -> list[int]:
    rows = StrategyProcess.objects.filter(strategy=strategy).order_by("-start_time")
    return [(NOW - row.start_time).days for row in rows]


def test_old_rows_go_and_the_last_of_each_strategy_stay(settings: Settings) -> None:
    settings.PROCESS_ROWS_DAYS, settings.PROCESS_ROWS_KEPT = 90, 2
    busy, quiet = (Strategy.objects.create(name=name) for name in ("busy", "quiet"))
    for days in (1, 50, 89, 91, 100, 400):
        process(busy, days)
    for days in (300, 310, 320):
        process(quiet, days)
    process(busy, 500, ended=False)
    assert retention_apply(NOW)[0] == Retained("strategy_processes", 4)
    assert left(busy) == [1, 50, 89, 500]
    assert left(quiet) == [300, 310]
    assert retention_apply(NOW)[0].deleted == 0


def test_many_rows_go_in_batches_and_zero_days_keep_everything(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 2)
    settings.PROCESS_ROWS_DAYS, settings.PROCESS_ROWS_KEPT = 0, 1
    strategy = Strategy.objects.create(name="old")
    for days in range(100, 106):
        process(strategy, days)
    assert retention_apply(NOW)[0].deleted == 0
    settings.PROCESS_ROWS_DAYS = 90
    assert retention_apply(NOW)[0].deleted == 5
    assert left(strategy) == [100]
