"""The API of signals as an integrator meets it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from notifications.models import NotificationChannel
from signals_app.models import Signal
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.signals_app.factories import NOW, candidate

if TYPE_CHECKING:
    import redis

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/signals/"


@pytest.fixture(autouse=True)
def _redis(redis_client: redis.Redis) -> None:
    """Every intake publishes."""


@pytest.fixture
def client() -> APIClient:
    api = APIClient(headers={"accept-language": "en"})
    api.force_authenticate(User.objects.create_superuser("integrator", "secret-word"))
    return api


def posted(**changes: Any) -> dict[str, Any]:
    return {
        "strategy": "tradingview",
        "pair": "BTC/USDT",
        "exchange": "binance",
        "timeframe": "5m",
        "type": "BUY",
        "price": 63_210.5,
        "strength": 91,
        "timestamp": (timezone.now() - timedelta(seconds=5)).isoformat(),
        **changes,
    }


def window(**more: str) -> dict[str, str]:
    return {
        "from": (NOW - timedelta(days=20)).isoformat(),
        "to": (NOW + timedelta(days=1)).isoformat(),
        **more,
    }


def test_nobody_reads_or_posts_without_a_token() -> None:
    stranger = APIClient()

    for answer in (stranger.get(URL), stranger.post(URL, posted(), format="json")):
        assert answer.status_code == 401
        assert answer["Content-Type"].startswith("application/problem+json")


def test_a_posted_signal_is_created_once_and_then_a_duplicate(
    client: APIClient,
) -> None:
    row = posted(indicators={"rsi": 28.1}, tag="dip")

    first = client.post(URL, row, format="json")
    again = client.post(URL, row, format="json")

    assert (first.status_code, first.json()["status"]) == (201, "created")
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert first.json()["id"] == again.json()["id"]
    signal = Signal.objects.get()
    assert (signal.strategy_id, signal.strategy_name) == (None, "tradingview")
    assert (signal.strength_level, signal.priority) == ("strong", "P0")
    assert signal.metadata["strength_source"] == "posted"


def test_a_strategy_of_ours_is_known_by_its_name(client: APIClient) -> None:
    strategy = Strategy.objects.create(
        name="tradingview", version="v3.1", signal_thresholds={"strong": 95}
    )

    client.post(URL, posted(), format="json")

    signal = Signal.objects.get()
    assert signal.strategy_id == strategy.pk
    assert (signal.strategy_version, signal.strength_level) == ("v3.1", "medium")


def test_a_missing_strength_is_visibly_a_default(client: APIClient) -> None:
    row = posted()
    del row["strength"]

    client.post(URL, row, format="json")

    signal = Signal.objects.get()
    assert signal.strength_raw == Decimal(50)
    assert signal.metadata["strength_source"] == "default"


def test_each_of_many_is_answered_and_a_bad_one_refuses_only_itself(
    client: APIClient,
) -> None:
    rows = [
        posted(),
        posted(pair="ETH/USDT", strength=101),
        posted(pair="X" * 21),
        posted(type="LONG", pair="SOL/USDT"),
        posted(pair="ADA/USDT", timestamp="2026-11-20T12:00:00"),
        posted(pair="DOT/USDT", price="NaN"),
        "nonsense",
        posted(pair="BNB/USDT"),
    ]
    rows.append(rows[0])

    answer = client.post(URL, rows, format="json")

    body = answer.json()
    assert answer.status_code == 200
    assert (body["created"], body["duplicate"], body["refused"]) == (2, 1, 6)
    statuses = [entry["status"] for entry in body["results"]]
    assert statuses == ["created", *["refused"] * 6, "created", "duplicate"]
    details = " ".join(entry.get("detail", "") for entry in body["results"])
    for words in ("101 is outside 0 to 100", "pair", "LONG", "no zone", "valid number"):
        assert words in details
    assert Signal.objects.count() == 2


@pytest.mark.parametrize("count", [0, 1_001])
def test_too_many_or_none_are_refused_with_the_numbers(
    client: APIClient, count: int
) -> None:
    answer = client.post(URL, [posted()] * count, format="json")

    assert answer.status_code == 400
    assert "1,000" in answer.content.decode() or "1000" in answer.content.decode()


def test_a_thousand_at_a_time_are_taken(client: APIClient) -> None:
    answer = client.post(
        URL, [posted(pair=f"P{n}/USDT") for n in range(1_000)], format="json"
    )

    assert answer.json()["created"] == 1_000


def test_a_refused_single_signal_says_why(client: APIClient) -> None:
    answer = client.post(URL, posted(price=-1), format="json")

    assert answer.status_code == 400
    assert "Price -1.0" in answer.content.decode()


FILTERS = [
    ("strategy", "ema cross", 5),
    ("strategy", "nobody", 0),
    ("pair", "ETH/USDT", 1),
    ("exchange", "binance", 1),
    ("timeframe", "1h", 1),
    ("type", "SELL", 1),
    ("level", "medium", 1),
    ("priority", "P0", 4),
]


@pytest.mark.parametrize(("name", "value", "count"), FILTERS)
def test_the_list_is_filtered(
    client: APIClient, name: str, value: str, count: int
) -> None:
    signals_record(
        [
            candidate(),
            candidate(pair="ETH/USDT"),
            candidate(exchange="binance"),
            candidate(timeframe="1h"),
            candidate(signal_type="SELL", mark="exit_long", strength=60.0),
        ],
        now=NOW,
    )

    answer = client.get(URL, window(**{name: value}))

    assert len(answer.json()["results"]) == count


def test_a_strategy_can_be_named_by_its_id(client: APIClient) -> None:
    strategy = Strategy.objects.create(name="mine")
    signals_record([candidate(strategy_id=strategy.pk, strategy_name="mine")], now=NOW)

    for wanted in (str(strategy.pk), "mine"):
        assert len(client.get(URL, window(strategy=wanted)).json()["results"]) == 1


def test_from_is_included_and_to_is_not(client: APIClient) -> None:
    signals_record(
        [candidate(timestamp=NOW - timedelta(minutes=n)) for n in range(3)], now=NOW
    )

    answer = client.get(
        URL,
        {"from": (NOW - timedelta(minutes=2)).isoformat(), "to": NOW.isoformat()},
    )

    assert len(answer.json()["results"]) == 2


def test_pages_follow_each_other_without_gap_or_repetition(client: APIClient) -> None:
    # Many signals of one instant: a cursor on the time alone would lose some.
    signals_record([candidate(pair=f"P{n}/USDT") for n in range(25)], now=NOW)
    got: list[str] = []
    address: str | None = URL
    parameters: dict[str, str] | None = window(page_size="10")

    while address:
        body = client.get(address, parameters).json()
        got += [row["id"] for row in body["results"]]
        address, parameters = body["next"], None

    assert len(got) == len(set(got)) == 25
    assert got == sorted(got, reverse=True)


def test_only_the_partitions_of_the_window_are_touched(client: APIClient) -> None:
    signals_record([candidate()], now=NOW)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(URL, window())
    (sql,) = [q["sql"] for q in queries if 'FROM "signals"' in q["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        explained = "\n".join(line for (line,) in cursor.fetchall())

    assert "signals_2026_11" in explained
    assert "signals_2026_12" not in explained


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"type": "LONG"}, "LONG"),
        ({"from": "2026-11-20T12:00:00"}, "no zone"),
        ({"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T11:00:00Z"}, "before"),
        ({"from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "366 days"),
        ({"page_size": "5000"}, "1000"),
        ({"cursor": "??"}, "is no cursor"),
        ({"to": "0001-01-05T00:00:00Z"}, "no signals of that year"),
        ({"cursor": "MTIz"}, "is no cursor"),
    ],
)
def test_wrong_parameters_are_told(
    client: APIClient, parameters: dict[str, str], words: str
) -> None:
    answer = client.get(URL, parameters)

    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert answer["Content-Type"].startswith("application/problem+json")


def test_one_signal_is_shown_with_its_notifications(client: APIClient) -> None:
    NotificationChannel.objects.create(name="mail", type="email")
    ((identifier, _),) = signals_record([candidate()], now=NOW).answers

    body = client.get(f"{URL}{identifier}/").json()

    assert body["id"] == str(identifier)
    assert body["price"] == "63210.5"
    assert body["timestamp"] == "2026-11-20T12:00:00Z"
    assert [(n["channel"], n["status"]) for n in body["notifications"]] == [
        ("mail", "pending")
    ]


@pytest.mark.parametrize("kind", ["unknown", "other version"])
def test_a_signal_that_does_not_exist_is_404(client: APIClient, kind: str) -> None:
    identifier = uuid4() if kind == "other version" else candidate().identifier

    answer = client.get(f"{URL}{identifier}/")

    assert answer.status_code == 404
    assert str(identifier) in answer.content.decode()


def test_digits_of_other_scripts_are_a_name_and_no_id(client: APIClient) -> None:
    assert client.get(URL, window(strategy="²")).json()["results"] == []


def test_a_body_that_is_nested_without_end_is_refused(client: APIClient) -> None:
    answer = client.post(URL, "[" * 100_000, content_type="application/json")

    assert answer.status_code == 400


@pytest.mark.parametrize("wrong", [{"strong": "much"}, {"strong": 10}, [80, 50]])
def test_thresholds_that_make_no_sense_cost_no_signal(
    client: APIClient, wrong: object
) -> None:
    Strategy.objects.create(
        name="tradingview", signal_thresholds=wrong, config={"strength": "high"}
    )

    assert client.post(URL, posted(), format="json").status_code == 201
    assert Signal.objects.get().strength_level == "strong"
