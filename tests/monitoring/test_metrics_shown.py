"""Measurements as charts, as a text for Prometheus, and as a page."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest
from django.utils import timezone

from monitoring.heartbeats.store import Identity, beat_write
from monitoring.metrics.charts import RANGES, charts_data, moments_of, range_of, summed
from monitoring.metrics.keeping import hour_of, metrics_average
from monitoring.metrics.prometheus import exposition, text_of
from monitoring.metrics.reading import Series, newest, series_read
from monitoring.metrics.round import metrics_round, metrics_write
from monitoring.metrics.shapes import Measurement
from tests.monitoring.measuring import NOW, group, many

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings


@pytest.mark.django_db
def test_a_long_period_joins_hourly_means_and_the_running_hour() -> None:
    start = hour_of(NOW) - timedelta(hours=1)
    many(start, 10, 20)
    metrics_average(NOW)
    many(hour_of(NOW), 40)
    found = series_read(NOW - timedelta(days=7), NOW, 3600, hourly=True)
    points = found[Series("api", "cpu", "cpu", "a")]
    assert points == {
        int(start.timestamp()): 15.0,
        int(hour_of(NOW).timestamp()): 40.0,
    }


def test_a_hole_in_the_measurements_cuts_the_lines() -> None:
    one = Series("api", "cpu", "cpu", "a")
    assert moments_of({one: {0: 1.0, 30: 1.0, 300: 2.0}}, 30) == [0, 30, 60, 300]


def test_hosts_are_summed_moment_by_moment() -> None:
    assert summed([{0: 1.0, 30: 2.0}, {30: 3.0}]) == {0: 1.0, 30: 5.0}


@pytest.mark.parametrize("wanted", [each.key for each in RANGES])
@pytest.mark.django_db
def test_every_period_of_the_page_has_data_for_its_charts(wanted: str) -> None:
    now = timezone.now()
    metrics_write(
        [
            Measurement("host", "cpu", "cpu", 12.0, "percent", "a"),
            Measurement("api", "memory", "memory", 100.0, "MB", "a"),
            Measurement("api", "memory", "memory", 50.0, "MB", "b"),
        ],
        now - timedelta(seconds=40),
    )
    data = charts_data(range_of(wanted), now)
    lines = {
        chart["key"]: [line["values"][-1] for line in chart["lines"]]
        for chart in data["charts"]
    }
    assert lines["machine"] == [12.0]
    assert lines["memory"] == [150.0]
    assert lines["cpu"] == []
    assert json.loads(json.dumps(data)) == data


def test_labels_of_the_text_are_escaped() -> None:
    text = text_of({"btcw_x": [({"host": 'a"b\\c\nd'}, 1.5)]})
    assert text == '# TYPE btcw_x gauge\nbtcw_x{host="a\\"b\\\\c\\nd"} 1.5\n'


@pytest.mark.django_db
def test_the_text_for_prometheus_has_the_newest_of_every_series() -> None:
    now = timezone.now()
    for ago, value in ((200, 1.0), (60, 2.0), (5, 3.0)):
        metrics_write(
            [Measurement("api", "cpu", "cpu", value, "percent", "a")],
            now - timedelta(seconds=ago),
        )
    beat_write(Identity("a", "beat", "beat", 1, 1.0), {})
    lines = exposition(now).splitlines()
    assert 'btcw_cpu_percent{component="api",series="cpu",host="a"} 3.0' in lines
    assert 'btcw_process_up{role="beat",host="a",process="beat"} 1.0' in lines
    assert 'btcw_strategies{status="running"} 0.0' in lines
    assert 'btcw_alerts_open{priority="P0"} 0.0' in lines
    assert [each.value for each in newest(now)] == [3.0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "header", "status"),
    [
        ("", "Bearer ", 404),
        ("secret", "", 401),
        ("secret", "Bearer wrong", 401),
        ("secret", "secret", 401),
        ("secret", "Bearer ünlike", 401),
        ("secret", "Bearer secret", 200),
    ],
)
def test_metrics_are_for_those_who_know_the_token(
    client: Client, settings: Settings, token: str, header: str, status: int
) -> None:
    settings.METRICS_TOKEN = token
    answer = client.get("/metrics", headers={"Authorization": header})
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_shows_processes_and_charts(
    admin_client: Client, language: str
) -> None:
    beat_write(
        Identity("box", "worker", "urgent", 4711, 1.0), {"groups": {"worker": group()}}
    )
    metrics_round(timezone.now())
    admin_client.cookies["django_language"] = language
    page = admin_client.get("/system/").content.decode()
    assert "4711" in page
    assert "plots-data" in page
    assert "4711" in admin_client.get("/system/now/").content.decode()
    data = orjson.loads(admin_client.get("/system/data/?range=day").content)
    assert len(data["charts"]) == 8


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/system/", "/system/now/", "/system/data/"])
def test_the_page_wants_a_login(client: Client, address: str) -> None:
    assert client.get(address).status_code == 302
