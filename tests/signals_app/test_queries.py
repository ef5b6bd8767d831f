"""What lists of signals cost with two years of months: one query, few partitions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from btc_watcher.lib.partitions import SIGNALS, month_start, months_ensure
from signals_app.history.asked import RANGE
from signals_app.models import Signal
from signals_app.selectors import (
    FIRST_PART,
    Cursor,
    SignalFilter,
    range_parts,
    signals_page,
)
from strategies.models import Strategy
from tests.signals_app.plans import months_of_range, partitions_read, plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django.plugin import DjangoDbBlocker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
URL = "/api/v1/signals/"
MONTHS = 26
A_DAY = 8
QUARTER = timedelta(hours=6)
FILL = """
INSERT INTO signals (id, timestamp, strategy_id, strategy_name, pair, exchange, timeframe,
    signal_type, strength_raw, strength_level, priority, price)
SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
            || '8' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
       moment, CASE mod(n, 4) WHEN 0 THEN %(strategy)s::int END,
       CASE mod(n, 4) WHEN 3 THEN 'posted' ELSE 'mine' END,
       'P' || mod(n, 5) || '/USDT', 'binance', (ARRAY['5m', '1h'])[1 + mod(n, 2)],
       (ARRAY['BUY', 'SELL'])[1 + mod(n / 2, 2)], 60,
       (ARRAY['strong', 'medium', 'weak'])[1 + mod(n, 3)],
       (ARRAY['P0', 'P1', 'P2'])[1 + mod(n, 3)], 100
FROM generate_series(0, %(rows)s - 1) AS n,
     LATERAL (SELECT %(now)s::timestamptz - n / 2 * %(each)s AS moment) AS at
"""


class World(NamedTuple):
    """When the newest signals closed, and whose they are."""

    now: datetime
    strategy: Strategy


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Eight signals a day, of which two each have one time, in 26 months."""
    now = timezone.now().replace(microsecond=0)
    with django_db_blocker.unblock():
        strategy = Strategy.objects.create(name="mine")
        months = [month_start(now, -back) for back in range(MONTHS)]
        made = months_ensure(SIGNALS, months)
        rows = A_DAY * 30 * (MONTHS - 1)
        with connection.cursor() as cursor:
            filled: dict[str, Any] = {
                "strategy": strategy.pk,
                "rows": rows,
                "now": now,
                "each": QUARTER,
            }
            cursor.execute(FILL, filled)
            cursor.execute("ANALYZE signals")
    yield World(now, strategy)
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            names = ", ".join(SIGNALS.partition(month) for month in made)
            cursor.execute(f"DROP TABLE {names}")
            cursor.execute("TRUNCATE signals")
        strategy.delete()
        connection.close()


@pytest.fixture
def now(world: World) -> datetime:
    return world.now


@pytest.fixture
def strategy(world: World) -> Strategy:
    return world.strategy


@pytest.fixture
def user() -> User:
    return User.objects.create_superuser("reader", "secret-word", language="en")


@pytest.fixture
def api(user: User) -> APIClient:
    client = APIClient(headers={"accept-language": "en"})
    client.force_authenticate(user)
    return client


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def asked(queries: CaptureQueriesContext) -> list[str]:
    """Return the statements about signals."""
    return [q["sql"] for q in queries.captured_queries if 'FROM "signals"' in q["sql"]]


def range_of(now: datetime, ago: float, days: float, **more: str) -> dict[str, str]:
    since = now - timedelta(days=ago)
    until = since + timedelta(days=days)
    return {"from": since.isoformat(), "to": until.isoformat(), **more}


FILTERS: dict[str, dict[str, str]] = {
    "newest": {},
    "strategy": {"strategy": "mine"},
    "posted strategy": {"strategy": "posted"},
    "unknown strategy": {"strategy": "nobody"},
    "pair": {"pair": "P1/USDT"},
    "strength": {"level": "strong"},
    "priority": {"priority": "P0"},
    "type": {"type": "SELL"},
    "timeframe": {"timeframe": "1h"},
    "pair and timeframe": {"pair": "P1/USDT", "timeframe": "1h"},
    "nothing fits": {"exchange": "kraken"},
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_list_without_a_range_touches_the_months_of_the_last_31_days(
    api: APIClient, name: str
) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = api.get(URL, FILTERS[name])

    assert answer.status_code == 200
    (statement,) = asked(queries)
    touched = partitions_read(statement)
    assert touched
    assert touched <= months_of_range(statement)
    assert len(touched) <= 3


@pytest.mark.parametrize(("ago", "days"), [(100, 7), (380, 30), (500, 1)])
def test_a_range_in_the_past_touches_its_own_months(
    api: APIClient, now: datetime, ago: int, days: int
) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = api.get(URL, range_of(now, ago, days, type="BUY"))

    assert answer.json()["results"]
    (statement,) = asked(queries)
    assert partitions_read(statement) <= months_of_range(statement)
    assert len(partitions_read(statement)) <= 1 + days // 15


HISTORY: dict[str, tuple[dict[str, Any], int]] = {
    "as it opens": ({}, 2),
    "a day": ({"period": "24h"}, 2),
    "a month": ({"period": "30d", "strategy": ["mine", "posted"]}, 3),
    "searched": ({"period": "30d", "pair": "P1", "tag": "x", "first": "1"}, 3),
    "long ago": ({"from": "-200", "to": "-190", "strength_from": "50"}, 2),
}


@pytest.mark.parametrize("name", HISTORY)
def test_the_history_reads_the_months_of_its_period_alone(
    browser: Client, now: datetime, name: str
) -> None:
    asked_for, months = HISTORY[name]
    query = {
        key: f"{now + timedelta(days=int(value)):%Y-%m-%d}" if key in RANGE else value
        for key, value in asked_for.items()
    }
    for address in ("/signals/", "/signals/export/"):
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(address, query)
            body = b"".join(answer) if answer.streaming else answer.content

        assert answer.status_code == 200, body
        statements = asked(queries)
        assert statements
        for statement in statements:
            assert partitions_read(statement) <= months_of_range(statement)
            assert len(partitions_read(statement)) <= months


def test_a_strategy_s_history_is_read_from_an_index(
    browser: Client, now: datetime
) -> None:
    Strategy.objects.create(name="rare")
    with connection.cursor() as cursor:
        # Many others of these days, so that reading them all is no cheaper.
        others: dict[str, Any] = {
            "strategy": None,
            "rows": 20_000,
            "each": timedelta(minutes=4),
        }
        cursor.execute(FILL, others | {"now": now - timedelta(hours=1)})
        cursor.execute("ANALYZE signals")
    with CaptureQueriesContext(connection) as queries:
        browser.get("/signals/", {"period": "30d", "strategy": "rare"})

    (statement,) = asked(queries)
    plans, conditions = [plan_of(statement)], ""
    while plans:
        plan = plans.pop()
        plans += plan.get("Plans", [])
        assert plan["Node Type"] != "Seq Scan" or plan["Relation Name"] == "strategies"
        conditions += plan.get("Index Cond", "")
    assert "strategy_id" in conditions


def test_a_page_deep_in_the_list_leaves_newer_months_out(
    api: APIClient, now: datetime
) -> None:
    place = Cursor(now - timedelta(days=200), Signal.objects.earliest("timestamp").pk)

    with CaptureQueriesContext(connection) as queries:
        answer = api.get(URL, range_of(now, 365, 365) | {"cursor": place.text()})

    assert len(answer.json()["results"]) == 100
    (statement,) = asked(queries)
    assert SIGNALS.partition(month_start(now)) not in partitions_read(statement)


def test_a_year_whose_newest_month_fills_the_page_is_not_looked_through(
    api: APIClient, now: datetime
) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = api.get(URL, range_of(now, 365, 365))

    assert len(answer.json()["results"]) == 100
    (statement,) = asked(queries)
    assert len(partitions_read(statement)) <= 3


def test_what_happened_once_a_year_ago_is_found_in_four_steps(
    api: APIClient, now: datetime
) -> None:
    place = Signal.objects.filter(timestamp__lt=now - timedelta(days=360))
    (newest,) = place.order_by("-timestamp", "-id")[:1]
    Signal.objects.filter(pk=newest.pk, timestamp=newest.timestamp).update(
        pair="RARE/USDT"
    )

    with CaptureQueriesContext(connection) as queries:
        answer = api.get(URL, range_of(now, 365, 365, pair="RARE/USDT"))

    assert [row["id"] for row in answer.json()["results"]] == [str(newest.pk)]
    statements = asked(queries)
    assert len(statements) == 4
    for statement in statements:
        assert partitions_read(statement) <= months_of_range(statement)


def test_parts_of_a_range_follow_each_other_without_gap(now: datetime) -> None:
    since = now - timedelta(days=366)
    parts = list(range_parts(since, now))

    assert parts[0] == (now - FIRST_PART, now)
    assert [end for _first, end in parts[1:]] == [first for first, _end in parts[:-1]]
    assert parts[-1][0] == since
    assert list(range_parts(now, now)) == []


@pytest.mark.parametrize(
    "wanted", [{}, {"strategies": ("mine",)}, {"strategies": ("posted",)}]
)
def test_a_year_is_walked_page_by_page_without_gap_or_repetition(
    now: datetime, wanted: dict[str, Any]
) -> None:
    since, until = now - timedelta(days=365), now + timedelta(minutes=1)
    place: Cursor | None = None
    got: list[Signal] = []
    while True:
        found, place = signals_page(
            SignalFilter(since=since, until=until, **wanted), size=700, after=place
        )
        got += found
        if place is None:
            break

    every = Signal.objects.filter(timestamp__gte=since, timestamp__lt=until)
    if wanted.get("strategies") == ("mine",):
        # Those of our strategy, and what others posted under its name.
        every = every.filter(strategy_name="mine")
    elif wanted:
        every = every.filter(strategy_name="posted")
    assert got == list(every.order_by("-timestamp", "-id"))


def test_strategies_of_one_name_are_shown_together(
    now: datetime, strategy: Strategy
) -> None:
    other = Strategy.objects.create(name="mine")
    # A second one of the same name, and rows of it between those of the first.
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE signals SET strategy_id = %s WHERE strategy_id = %s"
            " AND pair = 'P0/USDT'",
            [other.pk, strategy.pk],
        )
    wanted = SignalFilter(
        since=now - timedelta(days=31),
        until=now + timedelta(minutes=1),
        strategies=("mine",),
    )
    found, _more = signals_page(wanted, size=1_000)

    assert {signal.strategy_id for signal in found} == {strategy.pk, other.pk, None}
    assert found == sorted(found, key=lambda s: (s.timestamp, s.pk), reverse=True)


@pytest.mark.parametrize(
    "address", ["/", "/signals/newest/", "/strategies/{strategy}/signals/", URL]
)
def test_the_number_of_queries_does_not_depend_on_what_is_there(
    browser: Client, api: APIClient, strategy: Strategy, address: str
) -> None:
    asker: Client = api if address == URL else browser
    address = address.format(strategy=strategy.pk)
    counts = []
    for keep in (None, 10, 1):
        if keep is not None:
            newest = Signal.objects.order_by("-timestamp", "-id").values_list("id")
            Signal.objects.exclude(
                id__in=list(newest[:keep].values_list("id", flat=True))
            ).delete()
        asker.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert asker.get(address).status_code == 200
        counts.append(len(queries))
        assert len(asked(queries)) == 1
        assert not [q for q in queries if "COUNT(" in q["sql"]]
        (statement,) = asked(queries)
        assert partitions_read(statement) <= months_of_range(statement)

    assert len(set(counts)) == 1


@pytest.mark.parametrize(
    ("query", "months"),
    [("", 3), ("?signal_type=BUY", 3), ("?days=1", 2), ("?days=366", 14)],
)
def test_the_admin_lists_the_months_of_its_period(
    browser: Client, query: str, months: int
) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(f"/admin/signals_app/signal/{query}")

    assert answer.status_code == 200
    statements = asked(queries)
    assert statements
    for statement in statements:
        assert partitions_read(statement) <= months_of_range(statement)
        assert len(partitions_read(statement)) <= months
        assert "COUNT(" not in statement


def test_one_signal_is_looked_for_in_its_own_month(browser: Client) -> None:
    old = Signal.objects.earliest("timestamp")

    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(f"/signals/{old.pk}/")

    assert answer.status_code == 200
    (statement,) = asked(queries)
    assert partitions_read(statement) == {SIGNALS.partition(month_start(old.timestamp))}


def test_every_month_finds_what_was_posted_under_a_name_of_its_own() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE indexdef LIKE '%strategy_name%strategy_id IS NULL%'),"
            " count(DISTINCT tablename) FROM pg_indexes"
            " WHERE tablename LIKE 'signals%'"
        )
        nameless, tables = cursor.fetchone() or (0, 0)

    assert nameless == tables
    assert tables > MONTHS
