"""The filter of the live page: read from the address, asked of the database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from accounts.models import User
from signals_app.days import signals_of_day
from signals_app.live_filter import LiveFilter, with_chosen
from signals_app.services import signals_record
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    import redis
    from django.test import Client


def test_what_makes_no_sense_is_as_if_it_was_not_there() -> None:
    query = {
        "type": "MAYBE",
        "level": "huge",
        "priority": "P9",
        "timeframe": "soon",
        "strength": "-3",
        "pair": " \x00 ",
        "other": "x",
    }
    assert LiveFilter.read(query) == LiveFilter()
    assert LiveFilter().query() == ""


def test_a_filter_survives_its_address() -> None:
    chosen = LiveFilter(strategy="a&b", pair="btc", level="strong", strength=70)
    assert chosen.query() == "?strategy=a%26b&pair=btc&level=strong&strength=70"
    assert LiveFilter.read({"strength": "700"}).strength == 100


def test_what_has_no_index_is_searched_in_a_week() -> None:
    now = timezone.now()
    assert LiveFilter(pair="x").wanted(now).since == now - timedelta(days=7)
    assert LiveFilter(level="weak").wanted(now).since < now - timedelta(days=30)


def test_a_field_offers_what_is_chosen() -> None:
    assert with_chosen(["a"], "gone") == ["gone", "a"]
    assert with_chosen(["a"], "a") == ["a"]


@pytest.fixture
def pairs_of(db: None, redis_client: redis.Redis, client: Client) -> Client:
    now = timezone.now().replace(microsecond=0)
    signals_record(
        [
            candidate(pair="BTC/USDT", timestamp=now, strength=91.0),
            candidate(pair="ETH/USDT", timestamp=now, strength=60.0),
            candidate(pair="ETH/BTC", timestamp=now, strength=30.0, timeframe="5m"),
        ]
    )
    client.force_login(User.objects.create_user("trader", "secret-word"))
    return client


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ({}, {"BTC/USDT", "ETH/USDT", "ETH/BTC"}),
        ({"pair": "btc"}, {"BTC/USDT", "ETH/BTC"}),
        ({"pair": "%"}, set()),
        ({"strength": "60"}, {"BTC/USDT", "ETH/USDT"}),
        ({"level": "strong"}, {"BTC/USDT"}),
        ({"priority": "P1"}, {"ETH/USDT"}),
        ({"timeframe": "5m"}, {"ETH/BTC"}),
        ({"strategy": "ema cross", "pair": "eth/usdt"}, {"ETH/USDT"}),
        ({"pair": "eth/u"}, set()),
        ({"strategy": "another"}, set()),
        ({"type": "SELL"}, set()),
    ],
)
def test_the_list_has_what_fits(
    pairs_of: Client, query: dict[str, str], pairs: set[str]
) -> None:
    answer = pairs_of.get("/signals/newest/", query)
    assert {each["pair"] for each in answer.json()["signals"]} == pairs


def test_the_page_shows_its_filter(pairs_of: Client) -> None:
    text = pairs_of.get("/", {"pair": '"><b>', "strategy": "gone"}).content.decode()
    assert 'value="&quot;&gt;&lt;b&gt;"' in text
    assert '<option value="gone" selected>' in text


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
def test_a_day_is_counted_by_hour_direction_and_level() -> None:
    since = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(
        hours=4
    )
    signals_record(
        [
            candidate(pair="A/B", timestamp=since, strength=91.0),
            candidate(
                pair="C/D", timestamp=since + timedelta(minutes=90), strength=30.0
            ),
            candidate(pair="E/F", timestamp=since - timedelta(minutes=1)),
        ]
    )
    day = signals_of_day(since, since + timedelta(hours=4))
    assert day.counts == {(0, "BUY", "strong"): 1, (1, "BUY", "weak"): 1}
    assert day.total == 2
    assert day.by_kind() == {("BUY", "strong"): 1, ("BUY", "weak"): 1}
    assert day.by_hour() == {(0, "BUY"): 1, (1, "BUY"): 1}
