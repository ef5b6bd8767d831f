"""Lists of the admin cost the same at any size: nothing is counted, everything is bounded."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from btc_watcher.lib import admin as lists
from btc_watcher.lib.admin import BoundedAdmin
from btc_watcher.lib.admin_filters import PeriodFilter
from proxies.models import Proxy, ProxyTest
from signals_app.models import Signal
from strategies.models import Strategy
from tests.admin_rows import one_of_each
from tests.signals_app.outcome_rows import stored

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

# Tables that grow for as long as the system runs, and the column that bounds a list.
PERIODS = {
    "accounts.auditentry": "at",
    "monitoring.errorlog": "timestamp",
    "monitoring.metrichour": "hour",
    "monitoring.systemmetric": "timestamp",
    "notifications.notification": "sent_at",
    "proxies.proxytest": "test_time",
    "signals_app.outcome": "timestamp",
    "signals_app.signal": "timestamp",
}
# These have no months: an index in order of the list gives its first rows.
ORDERS = {
    "accounts.usersession": "-expires_at",
    "notifications.alert": "-since",
    "signals_app.outcomeday": "-day",
    "signals_app.outcomework": "due_at",
    "signals_app.savedfilter": "-id",
    "signals_app.signalchoice": "-id",
    "strategies.strategyprocess": "-id",
    "strategies.strategyversion": "-id",
}
GROWING = sorted([*PERIODS, *ORDERS])
HANDLERS: dict[str, Any] = {
    model._meta.label_lower: handler for model, handler in admin.site._registry.items()
}
# Who asks, the list itself once, filters' few rows.
MOST_QUERIES = 14


def list_of(label: str) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_changelist")


def statements(client: Client, path: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return [query["sql"] for query in queries.captured_queries]


@pytest.fixture
def rows(admin_user: User, admin_client: Client) -> dict[str, Any]:
    return one_of_each(admin_user)[0]


def test_every_list_that_grows_is_known_here() -> None:
    bounded = {
        label
        for label, handler in HANDLERS.items()
        if isinstance(handler, BoundedAdmin)
    }
    assert bounded == set(GROWING)


@pytest.mark.parametrize("label", GROWING)
def test_a_list_is_bounded_and_counts_nothing(
    admin_client: Client, rows: dict[str, Any], label: str
) -> None:
    handler = HANDLERS[label]
    table = handler.model._meta.db_table
    asked: tuple[str, ...] = ("", "?all=", "?o=1.-2", "?_facets=True", "?p=2", "?e=1")
    if handler.search_fields:
        asked += ("?q=one", f"?q={rows['signals_app.signal']}&days=1")
    for query in asked:
        path = list_of(label) + query
        with CaptureQueriesContext(connection) as queries:
            answer = admin_client.get(path)
        assert answer.status_code in {200, 302}, path
        assert len(queries) <= MOST_QUERIES, path
        assert_bounded(label, table, [q["sql"] for q in queries.captured_queries])


def assert_bounded(label: str, table: str, found: list[str]) -> None:
    own = [
        sql for sql in found if sql.startswith("SELECT") and f'FROM "{table}"' in sql
    ]
    for sql in own:
        assert "COUNT(" not in sql
        assert "DISTINCT" not in sql
        one = re.search(r'"id" = |"token_hash" = |"kind" = ', sql)
        limit = re.search(r"LIMIT (\d+)", sql)
        assert one or (limit and int(limit[1]) <= 101), sql
        if label in PERIODS and not one:
            column = f'"{table}"."{PERIODS[label]}"'
            assert f"{column} >= " in sql
            assert f"{column} < " in sql
            assert f"ORDER BY {column} DESC" in sql or "ORDER BY" not in sql


@pytest.mark.parametrize("label", sorted(ORDERS))
def test_a_list_without_months_is_in_the_order_of_an_index(label: str) -> None:
    handler = HANDLERS[label]
    request = RequestFactory().get("/")
    ordering = handler.get_ordering(request) or handler.model._meta.ordering
    assert ordering[0] == ORDERS[label]
    column = ordering[0].removeprefix("-")
    with connection.cursor() as cursor:
        table = handler.model._meta.db_table
        found = connection.introspection.get_constraints(cursor, table).values()
    first = {each["columns"][0] for each in found if each["index"] or each["unique"]}
    assert column in first


def test_a_rare_kind_reads_its_months_alone(
    admin_client: Client, rows: dict[str, Any]
) -> None:
    path = list_of("signals_app.signal")
    strategy = Strategy.objects.get().pk
    for query in ("?signal_type=HOLD", "?q=BTC/USDT", f"?strategy_id={strategy}"):
        for sql in statements(admin_client, path + query):
            if 'FROM "signals"' not in sql:
                continue
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
            months = set(re.findall(r"signals_\d{4}_\d{2}", plan))
            # Of seven days: this month, and another at its beginning or end.
            assert len({name[-7:] for name in months}) <= 2, plan


@pytest.fixture
def tests_of_a_proxy() -> Proxy:
    proxy: Proxy = Proxy.objects.create(
        name="tokyo", type="http", host="127.0.0.1", port=1
    )
    now = timezone.now()
    ProxyTest.objects.bulk_create(
        ProxyTest(
            proxy=proxy,
            success=True,
            latency_ms=number,
            test_time=now - timedelta(seconds=number),
        )
        for number in range(250)
    )
    return proxy


def latencies(client: Client, query: str) -> list[str]:
    page = client.get(list_of("proxies.proxytest") + query, follow=True)
    return re.findall(r'field-latency_ms">(\d+)<', page.content.decode())


def test_pages_lead_to_what_is_older_and_back(
    admin_client: Client, tests_of_a_proxy: Proxy
) -> None:
    admin_client.cookies["django_language"] = "en"
    first = admin_client.get(list_of("proxies.proxytest")).content.decode()
    assert "Rows 1\u2013100" in first
    assert 'href="?p=2" rel="next"' in first
    assert 'rel="prev"' not in first
    seen = [row for page in (1, 2, 3) for row in latencies(admin_client, f"?p={page}")]
    assert seen == [str(number) for number in range(250)]
    last = admin_client.get(f"{list_of('proxies.proxytest')}?p=3").content.decode()
    assert "Rows 201\u2013250" in last
    assert 'href="?p=2" rel="prev"' in last
    assert 'rel="next"' not in last


def test_nobody_reads_a_whole_table_at_once(
    admin_client: Client, tests_of_a_proxy: Proxy
) -> None:
    assert len(latencies(admin_client, "?all=")) == 100
    assert latencies(admin_client, "?o=4") == latencies(admin_client, "")


def test_what_is_far_back_is_reached_by_a_date_and_not_by_skipping(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, tests_of_a_proxy: Proxy
) -> None:
    admin_client.cookies["django_language"] = "en"
    monkeypatch.setattr(lists, "MOST_PAGES", 2)
    path = list_of("proxies.proxytest")
    last = admin_client.get(f"{path}?p=2").content.decode()
    assert 'rel="next"' not in last
    assert "For what is older choose a day or a filter." in last
    for beyond in ("3", "99999", "0", "-1"):
        answer = admin_client.get(f"{path}?p={beyond}")
        assert answer.headers["Location"] == f"{path}?e=1"


class ByTime(PeriodFilter):
    column = "test_time"


def bounds(**asked: str) -> tuple[datetime, datetime]:
    params = {name: [value] for name, value in asked.items()}
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    found = ByTime(RequestFactory().get("/"), params, ProxyTest, None)
    assert params == {}
    return found.bounds(now)


def day(text: str) -> datetime:
    return timezone.make_aware(datetime.fromisoformat(text))


def test_days_are_those_of_the_reader() -> None:
    with timezone.override("Asia/Shanghai"):
        assert bounds(since="2026-11-01", until="2026-11-02") == (
            day("2026-11-01"),
            day("2026-11-03"),
        )
        assert bounds(since="2026-11-01")[0] == datetime(2026, 10, 31, 16, tzinfo=UTC)
    # A day with a change of the clocks is as long as it is.
    with timezone.override("Europe/Paris"):
        since, until = bounds(since="2026-10-25", until="2026-10-25")
        assert until.astimezone(UTC) - since.astimezone(UTC) == timedelta(hours=25)


def test_a_period_is_never_longer_than_a_year() -> None:
    with timezone.override("UTC"):
        since, until = bounds(since="1999-01-01", until="2026-11-02")
        assert until - since == timedelta(days=366)
        assert bounds(since="2020-01-01")[1] == day("2021-01-01")
        assert bounds(until="2020-01-08")[0] == day("2020-01-02")
        week = bounds(days="7")
        for wrong in ("x", "2026-02-31", "0001-01-01", "9999-12-31"):
            assert bounds(since=wrong) == week
        assert bounds(days="12345") == week


def test_the_form_of_dates_keeps_the_other_filters(admin_client: Client) -> None:
    path = f"{list_of('signals_app.signal')}?signal_type__exact=BUY&since=2026-11-01"
    page = admin_client.get(path).content.decode()
    assert '<input type="hidden" name="signal_type__exact" value="BUY">' in page
    assert 'name="since" value="2026-11-01"' in page
    assert 'href="?days=31&amp;signal_type__exact=BUY"' in page


def test_a_signal_is_found_by_its_number_pair_or_strategy(
    admin_client: Client,
) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    strategy = Strategy.objects.create(name="my one")
    first, second, foreign = stored(
        {"timestamp": now, "strategy_id": strategy.pk, "strategy_name": "my one"},
        {"timestamp": now, "pair": "ETH/USDT"},
        {"timestamp": now, "strategy_name": "posted", "pair": "ETH/USDT"},
    )
    path = list_of("signals_app.signal")
    found = admin_client.get(path, {"q": str(first)})
    assert found.url == reverse("admin:signals_app_signal_change", args=[first])  # type: ignore[attr-defined]
    for asked, ids in (
        ("my one", {first}),
        ("eth/usdt", {second, foreign}),
        ("posted", {foreign}),
        ("one", set()),
    ):
        page = admin_client.get(path, {"q": asked}).content.decode()
        every = Signal.objects.values_list("pk", flat=True)
        assert {number for number in every if str(number) in page} == ids


def test_links_lead_from_one_thing_to_the_next(
    admin_client: Client, rows: dict[str, Any]
) -> None:
    """Every link that a page of a row offers within the admin opens."""
    opened = set()
    for label, key in rows.items():
        name = f"admin:{label.replace('.', '_')}_change"
        page = admin_client.get(reverse(name, args=[key])).content.decode()
        (_before, _found, more) = page.partition('class="form-row field-more"')
        for address in re.findall(r'href="([^"]+)"', more.partition("</fieldset>")[0]):
            answer = admin_client.get(address.replace("&amp;", "&"))
            assert answer.status_code == 200, (label, address)
            opened.add((label, re.sub(r"[0-9a-f-]{36}|\d+", "N", address)))
    text = str(sorted(opened))
    for wanted in (
        "/admin/notifications/notification/?signal_id=",
        "/admin/notifications/notification/?channel_id=",
        "/admin/proxies/proxytest/?proxy_id=",
        "/admin/signals_app/signal/?strategy_id=",
        "/admin/strategies/strategyversion/?strategy_id=",
        "/admin/strategies/strategyprocess/?strategy_id=",
        "/admin/accounts/usersession/?user_id=",
        "/admin/accounts/auditentry/?actor_id=",
    ):
        assert wanted in text
