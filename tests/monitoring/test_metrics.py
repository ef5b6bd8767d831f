"""Measurements: what processes and servers say becomes rows and means."""

from __future__ import annotations

import json
import math
import subprocess
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import SYSTEM_STATUS
from btc_watcher.lib.statements import rows_of
from monitoring.heartbeats.sampling import GroupSampler, MachineSampler
from monitoring.heartbeats.store import Identity, Seen, beat_write
from monitoring.metrics.gathering import of_processes
from monitoring.metrics.keeping import hour_of, metrics_average
from monitoring.metrics.round import metrics_round, metrics_write
from monitoring.metrics.servers import rates
from monitoring.metrics.shapes import LARGEST, Measurement, fitted
from monitoring.metrics.status import system_status
from monitoring.models import MetricHour, SystemMetric
from tests.monitoring.measuring import NOW, group, many

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import redis
    from pytest_django import Settings


def seen(
    role: str, host: str = "a", age: float = 1.0, **figures: Mapping[str, Any]
) -> Seen:
    return Seen(host, role, role, 1, NOW, NOW, None, age, figures)


def values(found: list[Measurement], component: str, name: str) -> list[float]:
    return [e.value for e in found if (e.component, e.name) == (component, name)]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (0.1, "0.1000"),
        (12.34567, "12.3457"),
        (1e9, str(LARGEST)),
        (-1e9, str(-LARGEST)),
    ],
)
def test_a_value_is_made_to_fit_its_column(value: float, stored: str) -> None:
    assert fitted(value) == Decimal(stored)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_stored(value: float) -> None:
    assert fitted(value) is None


def test_processes_of_one_host_and_component_are_summed() -> None:
    found = of_processes(
        [
            seen("worker", groups={"worker": group(connections=3)}),
            seen("worker", groups={"worker": group(connections=4)}),
            seen("worker", "b", groups={"worker": group()}),
        ]
    )
    assert values(found, "worker", "cpu") == [20.0, 10.0]
    assert values(found, "worker", "processes") == [2.0, 1.0]
    assert values(found, "worker", "sockets") == [7.0]
    assert {each.host for each in found} == {"a", "b"}


def test_the_newest_process_of_a_host_speaks_for_the_machine() -> None:
    found = of_processes(
        [
            seen("web", age=9, machine={"cpu": 50.0}),
            seen("worker", age=2, machine={"cpu": 70.0}),
        ]
    )
    assert values(found, "host", "cpu") == [70.0]


def test_a_process_that_has_just_begun_leaves_no_hole_in_what_is_known() -> None:
    found = of_processes(
        [
            seen("worker", age=5, machine={"cpu": 70.0, "memory": 40.0}),
            seen("web", age=1, machine={"memory": 41.0}),
        ]
    )
    assert values(found, "host", "cpu") == [70.0]
    assert values(found, "host", "used") == [41.0]


def test_figures_that_are_none_are_passed_over() -> None:
    found = of_processes(
        [seen("web", groups={"api": {"cpu": "x", "memory_mb": True}, "what": group()})]
    )
    assert [each.name for each in found] == ["processes"]


def test_rates_come_from_two_rounds_and_not_from_a_restarted_server() -> None:
    before = {"db_transactions": 100.0, "redis_commands": 500.0}
    found = rates({"db_transactions": 160.0, "redis_commands": 5.0}, before, 30)
    assert [(each.name, each.value) for each in found] == [("transactions", 2.0)]
    assert rates(before, before, 0) == []


def test_a_group_of_processes_is_measured_with_its_rates() -> None:
    sampler = GroupSampler()
    me = psutil.Process()
    first = sampler.sample({"api": [me]})["api"]
    assert first["cpu"] == 0
    assert first["memory_mb"] > 10
    sum(range(3_000_000))
    second = sampler.sample({"api": [me], "none": []})
    assert second["api"]["cpu"] > 0
    assert second["none"]["processes"] == 0


def test_the_machine_is_measured(tmp_path: Path) -> None:
    sampler = MachineSampler(tmp_path)
    sampler.sample()
    figures = sampler.sample()
    assert 0 < figures["memory"] < 100
    assert 0 <= figures["disk"] <= 100
    assert figures["received_mb_s"] >= 0


@pytest.mark.django_db
def test_a_round_stores_what_processes_and_servers_say(
    redis_client: redis.Redis,
) -> None:
    who = Identity("a", "worker", "worker", 1, 1.0)
    beat_write(
        who, {"machine": {"cpu": 33.0, "memory": 44.0}, "groups": {"worker": group()}}
    )
    figures = metrics_round(timezone.now())
    assert (figures.processes, figures.skipped) == (1, False)
    assert figures.rows == SystemMetric.objects.count() > 10
    kinds = set(SystemMetric.objects.values_list("component", flat=True))
    assert kinds == {"worker", "host", "database", "redis"}
    size = SystemMetric.objects.get(component="database", metadata__name="size")
    assert (size.metric_type, size.unit) == ("disk", "GB")
    assert size.value > 0
    status: Any = redis_client.hgetall(SYSTEM_STATUS)
    assert status["cpu_percent"] == "33.0"
    assert status["memory_percent"] == "44.0"
    assert {"active_strategies", "total_signals_24h"} <= status.keys()
    assert 0 < int(str(redis_client.ttl(SYSTEM_STATUS))) <= 30


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
def test_the_second_round_knows_rates() -> None:
    metrics_round(timezone.now() - timedelta(seconds=30))
    metrics_round(timezone.now())
    assert SystemMetric.objects.filter(metadata__name="transactions").count() == 1


@pytest.mark.django_db
def test_the_status_is_made_anew_when_its_key_is_gone(
    redis_client: redis.Redis,
) -> None:
    now = timezone.now()
    metrics_write([Measurement("host", "cpu", "cpu", 77.0, "percent", "a")], now)
    assert system_status(now)["cpu_percent"] == "77.0"
    assert redis_client.exists(SYSTEM_STATUS)


@pytest.mark.django_db
def test_full_hours_are_averaged_once_and_again_without_change() -> None:
    start = hour_of(NOW) - timedelta(hours=2)
    many(start, 10, 20, 60)
    many(start + timedelta(hours=1), 5)
    many(hour_of(NOW), 99)
    for written in (2, 1):
        # The last averaged hour is averaged again.
        assert metrics_average(NOW)["written"] == written
    rows = MetricHour.objects.order_by("hour").values_list(
        "mean", "low", "high", "samples"
    )
    found = [tuple(float(each) for each in row) for row in rows]
    assert found == [(30, 10, 60, 3), (5, 5, 5, 1)]


@pytest.mark.django_db
def test_old_rows_go_when_their_mean_is_there_and_the_mean_stays(
    settings: Settings,
) -> None:
    settings.METRICS_DAYS = 2
    old = hour_of(NOW) - timedelta(days=5)
    many(old, 10, 30)
    many(hour_of(NOW) - timedelta(hours=3), 7)
    figures = metrics_average(NOW)
    assert figures == {"written": 2, "dropped": 2}
    assert metrics_average(NOW)["dropped"] == 0
    assert SystemMetric.objects.count() == 1
    assert MetricHour.objects.get(hour=old).mean == 20


@pytest.mark.django_db
def test_keeping_nothing_is_refused(settings: Settings) -> None:
    settings.METRICS_DAYS = 0
    with pytest.raises(ConfigurationError, match="BTCW_METRICS_DAYS is 0"):
        metrics_average(NOW)


YEAR = """
INSERT INTO system_metrics (timestamp, metric_type, component, value, unit, metadata)
SELECT moment, 'cpu', component, 1, 'percent', '{"name": "cpu", "host": "a"}'
  FROM generate_series(%s::timestamptz, %s::timestamptz, '5 minutes') AS moment,
       unnest(ARRAY['api', 'worker', 'redis']) AS component
"""

HOURS = """
INSERT INTO system_metric_hours
       (hour, component, metric_type, name, host, unit, mean, low, high, samples)
SELECT hour, 'api', 'cpu', 'series ' || number, 'a', 'percent', 1, 1, 1, 120
  FROM generate_series(%s::timestamptz, %s::timestamptz, '1 hour') AS hour,
       generate_series(1, 35) AS number
 ORDER BY hour
"""


def plan_of(sql: str, *parameters: datetime) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, parameters)
        row = cursor.fetchone()
    assert row is not None
    found = row[0] if isinstance(row[0], list) else json.loads(row[0])
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def pages(plan: Mapping[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.mark.django_db
def test_a_year_of_rows_costs_the_query_of_an_hour_or_a_week_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(YEAR, [NOW - timedelta(days=365), NOW])
        cursor.execute(HOURS, [NOW - timedelta(days=365), NOW])
        # What autovacuum does on a table that grows.
        cursor.execute("SELECT brin_summarize_new_values('brin_system_metric_hours')")
        cursor.execute("ANALYZE system_metrics, system_metric_hours")
    sizes = dict(
        rows_of(
            "SELECT relname, relpages FROM pg_class"
            " WHERE relname IN ('system_metrics', 'system_metric_hours')",
            [],
        )
    )
    hour = plan_of(
        "SELECT * FROM system_metrics WHERE timestamp >= %s AND timestamp < %s",
        NOW - timedelta(hours=1),
        NOW,
    )
    week = plan_of(
        "SELECT * FROM system_metric_hours WHERE hour >= %s AND hour < %s",
        NOW - timedelta(days=7),
        NOW,
    )
    assert sizes["system_metrics"] > 3000
    assert pages(hour) < sizes["system_metrics"] / 50
    assert "brin_system_metric_hours" in json.dumps(week)
    assert pages(week) < sizes["system_metric_hours"] / 10, week


def test_a_look_at_a_hundred_processes_is_cheap() -> None:
    bots = [subprocess.Popen(["sleep", "60"]) for _ in range(100)]
    try:
        sampler = GroupSampler()
        processes = [psutil.Process(each.pid) for each in bots]
        sampler.sample({"freqtrade": processes})
        started = time.process_time()
        usage = sampler.sample({"freqtrade": processes})["freqtrade"]
        used = time.process_time() - started
    finally:
        for each in bots:
            each.kill()
            each.wait()
    assert usage["processes"] == 100
    # It comes every ten seconds, so this is a hundredth of a core at most.
    assert used < 0.25


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
def test_every_component_has_all_four_types_wherever_its_server_runs() -> None:
    figures = group(io_mb_s=0.5, connections=3.0)
    who = Identity("a", "worker", "worker", 1, 1.0)
    # As on a machine without the servers: they are asked, and not looked at.
    groups = dict.fromkeys(("api", "freqtrade", "worker"), figures)
    beat_write(who, {"groups": groups})
    for seconds in (30, 0):
        metrics_round(timezone.now() - timedelta(seconds=seconds))
    found = set(SystemMetric.objects.values_list("component", "metric_type"))
    assert found >= {
        (component, kind)
        for component in ("api", "freqtrade", "worker", "database", "redis")
        for kind in ("cpu", "memory", "disk", "network")
    }
    units = set(SystemMetric.objects.values_list("unit", flat=True))
    assert units <= {"percent", "MB", "GB", "MB/s", "ms", "count", "count/s"}
