"""Measurements in a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitoring.metrics.round import metrics_write
from monitoring.metrics.shapes import Measurement

NOW = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)


def group(**values: float) -> dict[str, float]:
    return {"processes": 1, "cpu": 10.0, "memory_mb": 100.0} | values


def many(moment: datetime, *numbers: float) -> None:
    for place, number in enumerate(numbers):
        at = moment + timedelta(minutes=10 * place)
        metrics_write([Measurement("api", "cpu", "cpu", number, "percent", "a")], at)
