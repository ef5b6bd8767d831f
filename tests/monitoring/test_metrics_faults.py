"""Measurements when clocks are set, values are beyond belief, and rows are half gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from btc_watcher.lib.redis_keys import METRICS_COUNTERS
from monitoring.metrics.keeping import hour_of, metrics_average
from monitoring.metrics.reading import Series, series_read
from monitoring.metrics.round import metrics_round, metrics_write
from monitoring.metrics.shapes import LARGEST, Measurement, fitted
from monitoring.models import MetricHour, SystemMetric
from tests.monitoring.measuring import many

if TYPE_CHECKING:
    import redis
    from pytest_django import Settings

NOW = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize("value", [1e25, -1e300, 1e-300, 5e-5, 999999.99999, 0.0])
def test_every_number_fits_its_column(value: float) -> None:
    found = fitted(value)
    assert found is not None
    assert abs(found) <= LARGEST
    assert found == found.quantize(Decimal("0.0001"))


@pytest.mark.django_db
def test_one_value_beyond_belief_does_not_lose_the_round() -> None:
    found = [
        Measurement("redis", "memory", "data", 1e40, "MB"),
        Measurement("api", "cpu", "cpu", 5.0, "percent", "a"),
    ]
    assert metrics_write(found, NOW) == 2
    many(hour_of(NOW) - timedelta(hours=1), 1e9, 1e9)
    assert metrics_average(NOW)["written"] == 1
    assert MetricHour.objects.get().mean == LARGEST


@pytest.mark.django_db
def test_a_clock_that_was_ahead_does_not_end_the_averages() -> None:
    ahead = NOW + timedelta(days=400)
    many(hour_of(ahead) - timedelta(hours=1), 1)
    metrics_average(ahead)
    start = hour_of(NOW) - timedelta(hours=2)
    many(start, 10, 20)
    many(start + timedelta(hours=1), 5)
    assert metrics_average(NOW)["written"] == 2
    assert set(
        MetricHour.objects.filter(hour__lt=NOW).values_list("mean", flat=True)
    ) == {
        Decimal(15),
        Decimal(5),
    }
    # And what the page draws ends with the running hour.
    many(hour_of(NOW), 40)
    points = series_read(NOW - timedelta(days=7), NOW, 3600, hourly=True)
    assert points[Series("api", "cpu", "cpu", "a")][int(hour_of(NOW).timestamp())] == 40


@pytest.mark.django_db
def test_nothing_goes_that_was_not_averaged_after_a_clock_was_ahead(
    settings: Settings,
) -> None:
    settings.METRICS_DAYS = 1
    ahead = NOW + timedelta(days=400)
    many(hour_of(ahead) - timedelta(hours=1), 1)
    metrics_average(ahead)
    many(hour_of(NOW) - timedelta(days=3), 10, 30)
    figures = metrics_average(NOW)
    assert figures["dropped"] == 2
    assert MetricHour.objects.get(hour=hour_of(NOW) - timedelta(days=3)).mean == 20


@pytest.mark.django_db
def test_a_mean_is_not_replaced_by_one_of_what_is_left_of_its_hour() -> None:
    start = hour_of(NOW) - timedelta(hours=1)
    many(start, 10, 20, 60)
    metrics_average(NOW)
    # As after a round of dropping that ended in the middle.
    SystemMetric.objects.filter(value__gt=10).delete()
    metrics_average(NOW)
    row = MetricHour.objects.get()
    assert (float(row.mean), row.samples) == (30, 3)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kept", ["not json", "[1]", "{}", '{"at": "x", "counters": 1}']
)
def test_what_redis_keeps_of_the_last_round_may_be_anything(
    redis_client: redis.Redis, kept: str
) -> None:
    redis_client.set(METRICS_COUNTERS, kept)
    assert metrics_round(timezone.now()).rows > 5
