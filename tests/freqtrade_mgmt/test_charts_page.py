"""The chart page and its JSON, from Django's side."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from accounts.models import User
from freqtrade_mgmt.chart_words import REASONS, reason_text
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.freqtrade_mgmt.candle_bot import CandleBot, candle_lasts, running, walk
from tests.signals_app.factories import NOW, candidate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis
    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = "BTC/USDT"


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis) -> None:
    """Nothing is kept from the test before."""


@pytest.fixture
def person(client: Client) -> Client:
    """Somebody without any permission, who reads English."""
    client.force_login(User.objects.create_user("viewer", language="en"))
    return client


def make(name: str, timeframe: str = "5m", **changes: Any) -> Strategy:
    config = {"exchange": "simulated", "pairs": [PAIR, "ETH/USDT"]}
    return Strategy.objects.create(
        name=name, config=config | {"timeframe": timeframe}, **changes
    )


@pytest.fixture
def bot(settings: Any, tmp_path: Path) -> Iterator[CandleBot]:
    """A running bot of the strategy "first"."""
    settings.BTCW_HOME = tmp_path
    candle_lasts()
    bot = CandleBot(make("first", status="running").pk)
    bot.candles[PAIR] = walk(300, "5m")
    with running(bot):
        bot.write_folder(tmp_path)
        yield bot


def candles(client: Client, **query: Any) -> Any:
    return client.get(reverse("freqtrade_mgmt:candles"), query)


def markers(client: Client, **query: Any) -> Any:
    return client.get(reverse("freqtrade_mgmt:markers"), query)


def test_the_page_begins_with_the_strategy_that_was_asked_for(person: Client) -> None:
    make("alpha")
    second = make("beta", "1h")
    make("gamma", "15m", is_draft=True)

    answer = person.get(reverse("freqtrade_mgmt:charts"), {"strategy": second.pk})

    start = answer.context["start"]
    assert (start["strategy"], start["pair"], start["timeframe"]) == (
        second.pk,
        PAIR,
        "1h",
    )
    assert list(start["lengths"])[:4] == ["5m", "15m", "30m", "1h"]
    assert [one["name"] for one in start["strategies"]] == ["alpha", "beta"]


@pytest.mark.parametrize(
    ("query", "pair", "timeframe"),
    [
        ({}, PAIR, "5m"),
        ({"pair": "ETH/USDT", "timeframe": "1h"}, "ETH/USDT", "1h"),
        ({"pair": "DOGE/USDT", "timeframe": "1m"}, PAIR, "5m"),
        ({"strategy": "999999"}, PAIR, "5m"),
        ({"strategy": "x'; --", "timeframe": "<b>"}, PAIR, "5m"),
    ],
)
def test_what_is_absent_or_wrong_is_replaced_by_what_fits(
    person: Client, query: dict[str, str], pair: str, timeframe: str
) -> None:
    make("alpha", status="stopped")
    running_one = make("beta", status="running")
    start = person.get(reverse("freqtrade_mgmt:charts"), query).context["start"]
    assert (start["pair"], start["timeframe"]) == (pair, timeframe)
    if "pair" not in query or query["pair"] == "DOGE/USDT":
        assert start["strategy"] == running_one.pk


def test_without_strategies_the_page_says_what_to_do(person: Client) -> None:
    text = person.get(reverse("freqtrade_mgmt:charts")).content.decode()
    assert "No strategy yet" in text
    assert 'id="chart"' not in text


def test_candles_come_as_rows_with_their_source(person: Client, bot: CandleBot) -> None:
    answer = candles(person, strategy=bot.strategy_id, pair=PAIR, timeframe="5m").json()
    assert answer["candles"] == [[*row, 1] for row in bot.candles[PAIR]]
    assert answer["source"] == {
        "id": bot.strategy_id,
        "name": "first",
        "timeframe": "5m",
    }
    assert (answer["state"], answer["message"], answer["earlier"]) == (
        "live",
        "",
        False,
    )
    assert 0 < answer["next_close"] - answer["now"] <= 300_000


def test_a_candle_that_still_forms_is_marked(person: Client, bot: CandleBot) -> None:
    rows = [row for row in bot.candles[PAIR] if row[0] % 3_600_000 != 3_300_000]
    bot.candles[PAIR] = rows[:-1] if rows[-1][0] % 3_600_000 == 0 else rows
    answer = candles(
        person, strategy=bot.strategy_id, pair=PAIR, timeframe="1h", limit=2
    ).json()
    assert [row[6] for row in answer["candles"]] == [1, 0]


def test_a_stopped_bot_is_told_in_a_sentence(person: Client) -> None:
    row = make("quiet one", status="stopped")
    answer = candles(person, strategy=row.pk, pair=PAIR, timeframe="5m").json()
    assert answer["state"] == "none"
    assert (
        answer["message"]
        == "The bot of quiet one is stopped. Start the strategy to see candles."
    )


def test_every_reason_has_a_sentence() -> None:
    for reason in REASONS:
        assert "%" not in reason_text(reason, "x")
    assert reason_text("", "x") == ""


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"strategy": "1", "timeframe": "5"},
        {"strategy": "1", "timeframe": "5m", "until": "-1"},
        {"strategy": "1", "timeframe": "5m", "until": "1e9"},
        {"strategy": "1", "timeframe": "5m", "limit": "9999999"},
        {"strategy": "99999999999999", "timeframe": "5m"},
    ],
)
def test_a_wrong_address_is_told_and_does_no_harm(
    person: Client, query: dict[str, str]
) -> None:
    answer = candles(person, pair=PAIR, **query)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_an_unknown_strategy_is_not_found(person: Client) -> None:
    answer = candles(person, strategy=1, pair=PAIR, timeframe="5m")
    assert answer.status_code == 404


def test_markers_are_those_of_the_range_with_a_cursor(person: Client) -> None:
    signals_record(
        [candidate(), candidate(timestamp=NOW - timedelta(days=2), strategy_name="old")]
    )
    now_ms = int(NOW.timestamp() * 1000)

    answer = markers(
        person,
        exchange="simulated",
        pair=PAIR,
        since=now_ms - 3_600_000,
        until=now_ms + 1,
    ).json()

    assert [marker["strategy_name"] for marker in answer["markers"]] == ["ema cross"]
    assert not answer["cut"]
    assert "-" in answer["cursor"]


def test_markers_without_a_range_are_refused(person: Client) -> None:
    assert markers(person, exchange="simulated", pair=PAIR).status_code == 400
    assert markers(person, since="1", until="9" * 20).status_code == 400


@pytest.mark.parametrize("name", ["charts", "candles", "markers"])
def test_only_people_who_are_logged_in_see_charts(client: Client, name: str) -> None:
    answer = client.get(reverse(f"freqtrade_mgmt:{name}"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("accounts:login"))


def test_the_log_is_a_page_of_its_own_and_a_part_for_htmx(person: Client) -> None:
    row = make("first")
    address = reverse("freqtrade_mgmt:log", args=[row.pk])

    page = person.get(address).content.decode()
    part = person.get(address, headers={"HX-Request": "true"}).content.decode()

    assert "<html" in page
    assert "freqtrade_mgmt/log.js" in page
    assert part.lstrip().startswith("<section")
    for text in (page, part):
        assert f'data-path="/ws/strategies/{row.pk}/log/"' in text
        assert "<script" not in text.replace('<script type="application/json"', "") or (
            text is page
        )


def test_the_log_of_nothing_is_not_found_and_needs_a_login(client: Client) -> None:
    address = reverse("freqtrade_mgmt:log", args=[12345])
    assert client.get(address).status_code == 302
    client.force_login(User.objects.create_user("viewer"))
    assert client.get(address).status_code == 404
