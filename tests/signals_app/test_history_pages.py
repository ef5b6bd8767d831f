"""The history of signals: what it shows, what its filters find, what it refuses."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from signals_app.history.asked import LABELS
from strategies.models import Strategy
from tests.signals_app.history import ago
from tests.signals_app.outcome_rows import judged, path, stored

if TYPE_CHECKING:
    from django.test import Client

    from signals_app.models import Signal

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
URL = "/signals/"
PRICE = 63_210.5


def found(client: Client, **query: Any) -> list[str]:
    """Return the pairs that the page lists, in its order."""
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content.decode()
    return [item.signal.pair for item in answer.context["rows"]]


def page_of(client: Client, address: str = URL, status: int = 200, **query: Any) -> str:
    answer = client.get(address, query)
    assert answer.status_code == status
    return re.sub(r"[ \n]+", " ", answer.content.decode())


def test_it_lists_signals_newest_first_with_what_became_of_them(
    browser: Client,
) -> None:
    old, new, undirected = stored(
        ago(90, pair="OLD/USDT"),
        ago(30, pair="NEW/USDT", tag="rsi_dip:85"),
        ago(20, pair="BOTH/USDT", signal_type="HOLD", mark="enter_long+exit_long"),
    )
    judged([old], path(PRICE, 0.5, 1.0))
    browser.post(f"/signals/{new}/choice/", {"choice": "taken"})

    assert found(browser, period="24h") == ["BOTH/USDT", "NEW/USDT", "OLD/USDT"]
    page = page_of(browser, period="24h")
    assert "+0.50\xa0%" in page
    assert "+1.00\xa0%" in page
    assert "rsi_dip:85" in page
    assert "no direction" in page
    assert 'class="badge badge-taken"' in page
    assert f"/signals/{undirected}/" in page


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"pair": "b"}, {"B/USDT"}),
    ({"pair": "b/usdt"}, {"B/USDT"}),
    ({"pair": "B/"}, set()),
    ({"strategy": "other"}, {"B/USDT"}),
    ({"strategy": ["other", "third"]}, {"B/USDT", "C/USDT"}),
    ({"exchange": "kraken"}, {"C/USDT"}),
    ({"timeframe": "5m"}, {"C/USDT"}),
    ({"type": "SELL"}, {"B/USDT"}),
    ({"level": "medium"}, {"B/USDT"}),
    ({"priority": "P2"}, {"C/USDT"}),
    ({"strength_from": "50"}, {"A/USDT", "B/USDT"}),
    ({"strength_to": "60.5"}, {"B/USDT", "C/USDT"}),
    ({"strength_from": "50", "strength_to": "60"}, {"B/USDT"}),
    ({"tag": "DIP"}, {"B/USDT"}),
    ({"version": "v2.0"}, {"C/USDT"}),
    ({"choice": "taken"}, {"A/USDT"}),
    ({"choice": "undecided"}, {"B/USDT", "C/USDT"}),
    ({"pair": "b", "level": "strong"}, set()),
    ({"pair": "", "level": " ", "unknown": "x"}, {"A/USDT", "B/USDT", "C/USDT"}),
]


@pytest.mark.parametrize(("query", "wanted"), FILTERS, ids=[str(q) for q, _ in FILTERS])
def test_each_filter_finds_what_it_says(
    browser: Client, query: dict[str, Any], wanted: set[str]
) -> None:
    first, *_others = stored(
        ago(pair="A/USDT"),
        ago(
            pair="B/USDT",
            strategy_name="other",
            signal_type="SELL",
            mark="exit_long",
            strength=55.0,
            tag="rsi_dip",
        ),
        ago(
            60,
            pair="C/USDT",
            strategy_name="third",
            strategy_version="v2.0",
            exchange="kraken",
            timeframe="5m",
            strength=30.0,
        ),
    )
    browser.post(f"/signals/{first}/choice/", {"choice": "taken"})

    assert set(found(browser, period="24h", **query)) == wanted


def test_only_the_first_of_a_streak_is_shown_where_that_is_wanted(
    browser: Client,
) -> None:
    stored(ago(3), ago(2), ago(1), ago(2, pair="ETH/USDT"))

    assert len(found(browser, period="24h")) == 4
    assert sorted(found(browser, period="24h", first="1")) == ["BTC/USDT", "ETH/USDT"]


def test_a_strategy_named_twice_shows_its_signals_once(browser: Client) -> None:
    strategy = Strategy.objects.create(name="ema cross")
    stored(ago(strategy_id=strategy.pk))

    wanted = [strategy.name, str(strategy.pk)]
    assert found(browser, strategy=wanted) == ["BTC/USDT"]


def test_periods_are_on_the_clocks_of_the_reader(browser: Client, user: User) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    User.objects.filter(pk=user.pk).update(timezone=zone.key)
    today = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0)
    midnight = today.replace(microsecond=0)
    stored(
        {"timestamp": midnight - timedelta(minutes=1), "pair": "EVENING/USDT"},
        {"timestamp": midnight, "pair": "MORNING/USDT"},
        {"timestamp": midnight - timedelta(days=6), "pair": "WEEK/USDT"},
        {"timestamp": midnight - timedelta(days=20), "pair": "THREE/USDT"},
    )

    assert found(browser, period="today") == ["MORNING/USDT"]
    assert found(browser) == found(browser, period="7d")
    assert len(found(browser)) == 3
    assert len(found(browser, period="30d")) == 4
    evening = f"{midnight - timedelta(minutes=1):%Y-%m-%dT%H:%M}"
    assert found(browser, **{"from": evening, "to": evening}) == ["EVENING/USDT"]
    day = f"{midnight - timedelta(days=1):%Y-%m-%d}"
    assert found(browser, **{"from": day, "to": day}) == ["EVENING/USDT"]
    # A range goes before a period, and an offset before the reader's zone.
    with_offset = (midnight - timedelta(minutes=1)).astimezone(ZoneInfo("UTC"))
    assert found(browser, period="24h", **{"from": with_offset.isoformat()}) == [
        "MORNING/USDT",
        "EVENING/USDT",
    ]


def test_the_fields_show_what_is_asked_for(browser: Client) -> None:
    query: dict[str, Any] = {
        "from": "2026-11-20",
        "to": "2026-11-20",
        "pair": "BTC",
        "strategy": ["gone <b>", "other"],
        "strength_from": "12.5",
        "tag": '"x"',
        "first": "1",
    }

    page = page_of(browser, **query)

    assert 'value="2026-11-20T00:00"' in page
    assert 'value="2026-11-20T23:59"' in page
    assert 'value="gone &lt;b&gt;" checked' in page
    assert 'value="12.5"' in page
    assert 'value="&quot;x&quot;"' in page
    assert 'class="more" open' in page
    assert "gone &lt;b&gt; +1" in page
    assert 'class="more" open' not in page_of(browser, pair="BTC")


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"type": "BOUGHT"}, "Type", "BOUGHT"),
    ({"level": "x"}, "Level", "x"),
    ({"priority": "P9"}, "Priority", "P9"),
    ({"period": "year"}, "Period", "year"),
    ({"choice": "x"}, "Your decision", "x"),
    ({"strength_from": "abc"}, "Strength from", "abc"),
    ({"strength_from": "nan"}, "Strength from", "nan"),
    ({"strength_to": "101"}, "Strength up to", "101"),
    ({"strength_from": "9", "strength_to": "8"}, "Strength from", "9"),
    ({"from": "yesterday"}, "From", "yesterday"),
    ({"to": "2026-13-01"}, "Up to", "2026-13-01"),
    ({"from": "1999-01-01"}, "From", "1999-01-01"),
    ({"from": "0001-01-01", "to": "9999-12-31"}, "Up to", "9999-12-31"),
    ({"from": "2026-11-20", "to": "2026-11-19"}, "From", "2026-11-20"),
    ({"from": "2024-11-20", "to": "2026-11-19"}, "From", "2024-11-20"),
    ({"pair": "x" * 21}, "Pair", "x" * 21),
    ({"tag": "x" * 101}, "Tag", "x" * 101),
    ({"version": "a\0b"}, "Version", "a"),
    ({"cursor": "nonsense"}, "Page", "nonsense"),
]


@pytest.mark.parametrize(("query", "label", "value"), WRONG)
def test_a_filter_that_makes_no_sense_is_told_by_field_and_value(
    browser: Client, query: dict[str, str], label: str, value: str
) -> None:
    page = page_of(browser, status=400, **query)

    assert re.search(rf"<b>{label}</b> <span[^>]*>“{value}", page)
    assert "This filter cannot be used" in page
    # The form is there to correct it.
    assert 'id="filters"' in page


def test_too_many_strategies_are_told(browser: Client) -> None:
    many = [f"s{n}" for n in range(21)]
    assert "<b>Strategy</b>" in page_of(browser, status=400, strategy=many)


def test_every_field_has_a_label_and_is_read() -> None:
    from signals_app.history.asked import HistoryQuery  # noqa: PLC0415

    assert set(HistoryQuery().fields) == set(LABELS)


def test_an_empty_page_offers_longer_periods_with_the_same_filter(
    browser: Client,
) -> None:
    page = page_of(browser, period="today", pair="NONE")
    assert "No signal fits" in page
    assert "/signals/?period=30d&amp;pair=NONE" in page
    assert "Show all signals" in page
    assert "To the strategies" in page_of(browser, period="30d")


def test_the_list_goes_on_page_by_page(browser: Client) -> None:
    stored(*[ago(pair=f"P{n}/USDT") for n in range(60)])
    query: dict[str, Any] = {"period": "24h", "exchange": "simulated"}
    answer = browser.get(URL, query)
    first = [item.signal.pk for item in answer.context["rows"]]
    address = answer.context["next_page"]
    assert "exchange=simulated" in address

    following = browser.get(address)
    second = [item.signal.pk for item in following.context["rows"]]

    assert (len(first), len(second)) == (50, 10)
    assert not set(first) & set(second)
    assert "Back to the newest" in following.content.decode()


def test_the_page_asks_a_fixed_number_of_questions_and_never_counts(
    browser: Client,
) -> None:
    browser.get(URL)
    counts = []
    for size in (1, 30):
        judged(
            stored(*[ago(pair=f"P{size}{n}/USDT") for n in range(size)]),
            path(PRICE, 1.0),
        )
        with CaptureQueriesContext(connection) as queries:
            browser.get(URL, {"period": "24h"})
        counts.append(len(queries))
        assert not [q for q in queries if "COUNT(" in q["sql"].upper()]
    assert counts[0] == counts[1]


def test_htmx_gets_the_part_and_the_address(browser: Client) -> None:
    stored(ago())
    answer = browser.get(
        URL,
        {"period": "24h", "pair": "btc", "level": "", "exchange": ""},
        headers={"HX-Request": "true"},
    )
    text = answer.content.decode()
    assert "<html" not in text
    assert 'id="found"' in text
    assert answer["HX-Push-Url"] == "/signals/?period=24h&pair=btc"
    wrong = browser.get(URL, {"level": "x"}, headers={"HX-Request": "true"})
    assert wrong.status_code == 400
    assert b'role="alert"' in wrong.content


def test_a_search_that_takes_too_long_is_given_up_with_a_sentence(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(ago())
    slow = "AND (SELECT true FROM pg_sleep(3)) "
    from signals_app import selectors, views_history  # noqa: PLC0415

    newest = selectors._newest

    def slowly(*arguments: Any) -> list[Signal]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 WHERE true {slow}")
        return newest(*arguments)

    monkeypatch.setattr(selectors, "_newest", slowly)
    monkeypatch.setattr(views_history, "PATIENCE", 1)

    assert "took too long" in page_of(browser, status=400, period="24h")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() != ("1s",)


def test_texts_of_signals_are_text(browser: Client) -> None:
    stored(
        ago(
            pair="<i>X</i>",
            strategy_name="<script>alert(1)</script>",
            tag="<img src=x onerror=alert(1)>",
        )
    )
    page = page_of(browser, period="24h", tag="<img", pair="<i>")
    assert "&lt;script&gt;alert(1)" in page
    for raw in ("<script>alert", "<img src=x", "<i>X"):
        assert raw not in page


def test_a_quote_in_a_filter_is_a_quote(browser: Client) -> None:
    stored(ago(tag="it's 100%"), ago(pair="ETH/USDT", tag="other"))
    assert found(browser, tag="'s 100%") == ["BTC/USDT"]
    assert found(browser, tag="%") == ["BTC/USDT"]
    assert found(browser, tag="' OR 1=1 --") == []
    assert found(browser, pair="_") == []


def test_strangers_are_led_to_the_login(client: Client) -> None:
    for address in (URL, "/signals/export/"):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/?next=")
    for address in ("/signals/filters/", "/signals/filters/1/"):
        assert client.post(address)["Location"].startswith("/login/?next=")


def test_it_reads_in_chinese(browser: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(language="zh-CN")
    assert 'lang="zh-hans"' in page_of(browser)
    assert "策略" in page_of(browser)


def test_what_an_address_holds_twice_counts_once(browser: Client) -> None:
    stored(ago())
    query = urlencode([("pair", "ETH"), ("pair", "BTC"), ("period", "24h")])
    answer = browser.get(f"{URL}?{query}")
    assert answer.context["asked"].query == "period=24h&pair=BTC"


def test_a_filter_has_one_address_and_ranges_have_no_period(browser: Client) -> None:
    def query(**given: str) -> str:
        return str(browser.get(URL, given).context["asked"].query)

    assert query() == query(level="", junk="x") == "period=7d"
    assert query(level="weak", period="24h") == "period=24h&level=weak"
    assert query(period="24h", to="2026-11-20") == "to=2026-11-20"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("strategy=other&strategy=third", {"B/USDT", "C/USDT"}),
        ("pair_part=b", {"B/USDT"}),
        ("strength_from=50&strength_to=60", {"B/USDT"}),
        ("tag=DIP&version=v1.0&first=true", {"B/USDT"}),
        ("first=false", {"A/USDT", "B/USDT", "C/USDT"}),
    ],
)
def test_the_api_filters_alike(browser: Client, query: str, wanted: set[str]) -> None:
    stored(
        ago(pair="A/USDT"),
        ago(pair="B/USDT", strategy_name="other", strength=55.0, tag="rsi_dip"),
        ago(pair="C/USDT", strategy_name="third", strength=30.0),
    )
    answer = browser.get(f"/api/v1/signals/?{query}")
    assert {row["pair"] for row in answer.json()["results"]} == wanted


@pytest.mark.parametrize(
    "query",
    [
        "strength_from=nan",
        "strength_to=-1",
        "strength_from=9&strength_to=8",
        "first=maybe",
        "&".join(f"strategy=s{n}" for n in range(21)),
    ],
)
def test_the_api_refuses_what_makes_no_sense(browser: Client, query: str) -> None:
    answer = browser.get(f"/api/v1/signals/?{query}")
    assert answer.status_code == 400
    assert browser.get("/api/v1/signals/?strategy=" + "9" * 90).status_code == 200
