"""The dashboard: what is told, what is told once, and parts that fail alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from monitoring.dashboard.drawing import bars_of, segments_of
from monitoring.dashboard.guard import Guard
from monitoring.dashboard.items import SHOWN, Item, attention_of, shortened
from monitoring.dashboard.places import covers_of, place_of
from monitoring.dashboard.sources import backup_items, proxy_items
from notifications.dispatch import alert_raise
from notifications.models import NotificationChannel
from notifications.saying import Words
from proxies.models import Proxy
from signals_app.days import Day
from strategies.models import Strategy

if TYPE_CHECKING:
    import redis
    from django.test import Client

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0, minute=0)


def item(name: str, priority: str = "P1", *covers: str) -> Item:
    return Item(name, priority, name, "", "/", "", covers=frozenset(covers))


def test_the_most_urgent_comes_first_and_nothing_is_told_twice() -> None:
    alerts = [item("alert", "P1", "strategy:3")]
    others = [item("same", "P0", "strategy:3"), item("other", "P0", "channel:1")]
    found = attention_of(alerts, others)
    assert [each.id for each in found.items] == ["other", "alert"]
    assert found.counts == (("P0", 1), ("P1", 1))


def test_what_does_not_fit_is_counted() -> None:
    found = attention_of([], [item(str(n)) for n in range(SHOWN + 5)])
    assert (len(found.items), found.total, found.more) == (SHOWN, SHOWN + 5, 5)


def test_a_long_text_is_cut_between_words() -> None:
    assert shortened("word " * 100).endswith("word …")
    assert shortened(" short ") == "short"


@pytest.mark.parametrize(
    ("key", "staff", "address"),
    [
        ("strategy:7:stale", False, "/strategies/7/"),
        ("channel:4", False, "/notifications/channels/4/"),
        ("proxy:tokyo", False, "/proxies/"),
        ("machine:disk", False, "/system/"),
        ("backup:age", True, "/system/backups/"),
        ("backup:age", False, "/notifications/alerts/"),
        ("work:notifications", False, "/notifications/?state=waiting"),
        ("strategy:x", False, "/notifications/alerts/"),
    ],
)
def test_an_alert_leads_to_its_cure(key: str, staff: bool, address: str) -> None:
    assert place_of(key, staff=staff)[0] == address


def test_an_alert_of_a_group_covers_its_strategies() -> None:
    covers = covers_of("exchange:binance", {"strategy_ids": [1, 2]})
    assert covers == {"exchange:binance", "strategy:1", "strategy:2"}


def test_the_busiest_hour_is_the_tallest_and_one_signal_is_seen() -> None:
    day = Day(MIDNIGHT, {(0, "BUY", "strong"): 1000, (12, "SELL", "weak"): 1})
    bars = bars_of(day, NOON)
    assert len(bars) == 13
    assert (bars[0].buy, bars[0].buy_y, bars[0].sell) == (28.0, 0.0, 0.0)
    assert bars[12].sell > 1
    assert bars[12].words == "12:00: 0 buy, 1 sell"


def test_parts_of_a_bar_fill_it() -> None:
    found = segments_of([("a", "A", 1, ""), ("b", "B", 0, ""), ("c", "C", 3, "")])
    assert [(each.key, each.x, each.width) for each in found] == [
        ("a", 0, 25),
        ("c", 25, 75),
    ]


@pytest.mark.django_db
def test_a_part_that_fails_leaves_the_others() -> None:
    def broken() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    guard = Guard()
    assert guard.part("broken", broken) is None
    assert guard.part("well", lambda: 3) == 3
    assert guard.failed == ["broken"]


@pytest.mark.django_db
def test_without_a_database_no_other_part_waits_for_it() -> None:
    def away() -> None:
        raise OperationalError("refused")

    asked = []
    guard = Guard()
    assert guard.part("away", away) is None
    assert guard.part("next", lambda: asked.append(1)) is None
    assert guard.part("folder", lambda: "read", asks_database=False) == "read"
    assert guard.failed == ["away", "next"]
    assert asked == []


@pytest.mark.django_db
def test_a_backup_that_was_never_made_is_told() -> None:
    (found,) = backup_items(timezone.now(), staff=True)
    assert (found.priority, found.url) == ("P2", "/system/backups/")


def test_a_proxy_that_an_alert_tells_of_is_not_told_twice(db: None) -> None:
    proxy = Proxy.objects.create(
        name="Tokyo",
        type="http",
        host="127.0.0.1",
        port=9,
        test_url="http://127.0.0.1:9/",
        status="unhealthy",
    )
    alert = item("alert", "P1", *covers_of(f"proxy:{proxy.pk}", {}))
    assert attention_of([alert], proxy_items()).items == (alert,)
    assert attention_of([], proxy_items()).total == 1


@pytest.fixture
def person(db: None, redis_client: redis.Redis, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", "secret-word"))
    return client


def test_a_fresh_system_says_what_to_do(person: Client) -> None:
    text = person.get("/dashboard/").content.decode()
    assert 'id="dash-steps" aria-labelledby="h-steps">' in text
    for address in ("/strategies/new/", "/notifications/channels/new/"):
        assert address in text


def test_many_strategies_ask_no_more_questions(person: Client) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert person.get("/dashboard/now/").status_code == 200
        return len(seen)

    Strategy.objects.create(name="first", status="error")
    questions()
    few = questions()
    for n in range(30):
        Strategy.objects.create(name=f"bot {n}", status="error")
        NotificationChannel.objects.create(name=f"c{n}", type="email", status="error")
        alert_raise(
            key=f"strategy:{n}",
            priority="P1",
            words=lambda: Words("wrong", "mend it"),
            now=timezone.now() - timedelta(minutes=1),
        )
    questions()
    assert questions() <= few + 2


def test_without_redis_the_page_is_there_and_says_so(
    person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {
        "status": "unavailable",
        "database": "ok",
        "redis": "failed",
        "supervisor": "idle",
        "worker": "ok",
        "partitions": "ok",
    }
    monkeypatch.setattr("monitoring.health.health.report", lambda: words)
    text = person.get("/dashboard/", headers={"accept-language": "en"}).content.decode()
    assert 'data-key="health-redis"' in text


def test_nobody_gets_the_login(client: Client, db: None) -> None:
    assert client.get("/dashboard/").status_code == 302
