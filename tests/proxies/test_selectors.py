"""What pages and other apps read: ways, sparklines, history, users."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from btc_watcher.lib.partitions import PROXY_TESTS, has_strays, months_ensure
from proxies.models import Proxy, ProxyTest
from proxies.selectors import (
    proxies_listed,
    proxy_failures,
    proxy_history,
    proxy_ranked,
    proxy_results,
    proxy_sparks,
    proxy_tests,
    route_of,
    routes_of,
)
from proxies.selectors.history import BUCKETS, SPARKS
from proxies.uses import ProxyUse
from tests.proxies.fakes import NOW, history, proxy_row

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def users_told(proxy_ids: Collection[int]) -> list[ProxyUse]:
    """Stand where the apps above stand in the product."""
    return [
        use
        for number in proxy_ids
        for use in (
            ProxyUse(number, "channel", 1, "a mail", "/c/1/"),
            ProxyUse(number, "strategy", 2, "z cross", "/s/2/"),
        )
    ]


@pytest.fixture(autouse=True)
def _users(settings: Settings) -> None:
    settings.PROXY_USERS = [f"{__name__}.users_told"]


def with_status(proxy: Proxy, status: str, **fields: object) -> Proxy:
    Proxy.objects.filter(pk=proxy.pk).update(status=status, **fields)
    proxy.refresh_from_db()
    return proxy


def test_one_place_decides_the_way() -> None:
    sick = with_status(proxy_row(1, name="sick"), "unhealthy")
    good = with_status(proxy_row(2, name="good", priority=2), "healthy")
    new = proxy_row(3, name="new")
    off = with_status(proxy_row(4, name="off"), "healthy", enabled=False)
    assert proxy_ranked() == [good, new, sick]
    route = route_of(sick.pk, "another")
    assert (route.proxy, route.allowed, route.why) == (good, True, "another")
    assert route.told() == {
        "why": "another",
        "proxy": good.pk,
        "name": "good",
        "wanted": sick.pk,
        "state": "unhealthy",
    }
    assert route_of(off.pk, "direct").told() == {
        "why": "direct",
        "wanted": off.pk,
        "state": "disabled",
    }
    assert not route_of(off.pk, "never").allowed
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert route_of(None, "never").told() == {"why": "unwanted"}
    assert len(asked) == 0
    with CaptureQueriesContext(connection) as asked:
        routes = routes_of([(new.pk, "never"), (sick.pk, "another"), (None, "another")])
    assert len(asked) == 1
    assert [route.proxy for route in routes] == [new, good, None]


def test_a_sparkline_has_the_last_fifty_of_each_proxy_by_one_query() -> None:
    first, second, none = (proxy_row(port) for port in (1, 2, 3))
    history(first, "+" * 60)
    history(second, "+-+")
    ids = [first.pk, second.pk, none.pk]
    with CaptureQueriesContext(connection) as asked:
        sparks = proxy_sparks(ids, now=NOW)
    assert len(asked) <= 1
    assert sparks[first.pk] == list(range(110, 160))
    assert sparks[second.pk] == [100, None, 102]
    assert sparks[none.pk] == []


def test_the_list_costs_the_same_for_one_and_for_many() -> None:
    history(proxy_row(1, name="b"), "+-")
    with CaptureQueriesContext(connection) as one:
        proxies_listed(now=NOW)
    for port in range(2, 8):
        history(proxy_row(port), "+++")
    with CaptureQueriesContext(connection) as many:
        rows = proxies_listed(now=NOW)
    assert len(many) == len(one)
    assert rows[0].proxy.name == "b"
    assert rows[0].spark == [100, None]
    assert [use.kind for use in rows[0].users] == ["strategy", "channel"]


def test_the_history_is_cut_into_spans_over_any_range() -> None:
    proxy = proxy_row(1)
    history(proxy, "+-+" + "+" * 57)
    history(proxy_row(2), "+" * 60)
    spans = proxy_history(proxy.pk, since=NOW - HOUR, until=NOW, buckets=6)
    assert [span.at for span in spans] == [
        NOW - HOUR + number * timedelta(minutes=10) for number in range(6)
    ]
    assert [span.tests for span in spans] == [10] * 6
    assert [span.failures for span in spans] == [1, 0, 0, 0, 0, 0]
    assert (spans[0].p50_ms, spans[0].p95_ms) == (105, 109)
    (whole,) = proxy_history(
        proxy.pk, since=NOW - 1000 * HOUR, until=NOW + HOUR, buckets=1
    )
    assert whole.tests == 60
    assert proxy_history(proxy.pk, since=NOW, until=NOW + HOUR) == []


def test_a_span_of_failures_alone_has_no_latency() -> None:
    proxy = proxy_row(1)
    history(proxy, "---")
    (span,) = proxy_history(proxy.pk, since=NOW - HOUR, until=NOW, buckets=1)
    assert (span.tests, span.failures, span.p50_ms, span.p95_ms) == (3, 3, None, None)


def test_tests_and_failures_of_a_range() -> None:
    proxy = proxy_row(1)
    history(proxy, "+--")
    ProxyTest.objects.create(
        proxy=proxy,
        test_time=NOW - timedelta(seconds=1),
        success=False,
        test_details={"failure": "geo_block"},
    )
    since = NOW - HOUR
    newest = proxy_tests(proxy.pk, since=since, until=NOW, limit=2)
    assert [test.test_details["failure"] for test in newest] == ["geo_block", "timeout"]
    assert proxy_failures(proxy.pk, since=since, until=NOW) == {
        "timeout": 2,
        "geo_block": 1,
    }
    assert proxy_results(proxy.pk, since=since, until=NOW, limit=3) == [
        (False, None),
        (False, None),
        (False, None),
    ]


@pytest.mark.parametrize("statement", [BUCKETS, SPARKS])
def test_only_the_months_that_are_asked_for_are_read(statement: str) -> None:
    months = [datetime(2020, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4)]
    months_ensure(PROXY_TESTS, [month.date() for month in months])
    parameters: dict[str, Any] = {
        "id": 1,
        "ids": [1],
        "since": months[1],
        "until": months[2],
        "width": HOUR,
        "length": 50,
    }
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "proxy_test_history_2020_01" not in plan
    assert "proxy_test_history_2020_02" in plan
    if statement == BUCKETS:
        assert "proxy_test_history_2020_03" not in plan


def test_a_test_of_a_month_without_a_partition_is_kept_and_moved_later() -> None:
    proxy = proxy_row(1)
    then = datetime(2019, 7, 15, 12, tzinfo=UTC)
    history(proxy, "+-+", newest=then)
    assert has_strays(PROXY_TESTS)
    assert len(proxy_tests(proxy.pk, since=then - HOUR, until=then)) == 3
    assert months_ensure(PROXY_TESTS, [then.date()]) == {then.date().replace(day=1): 3}
    assert not has_strays(PROXY_TESTS)
    assert len(proxy_tests(proxy.pk, since=then - HOUR, until=then)) == 3


def test_this_month_and_the_next_have_partitions_from_the_start() -> None:
    proxy = proxy_row(1)
    test = ProxyTest.objects.create(proxy=proxy, success=True, latency_ms=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM proxy_test_history WHERE id = %s",
            [test.pk],
        )
        assert cursor.fetchone() == (PROXY_TESTS.partition(test.test_time),)
