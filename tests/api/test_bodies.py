"""Bodies that are JSON and still cannot be answered or stored are refused by name."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from notifications.models import NotificationChannel
from signals_app.models import Signal
from tests.strategies import factories

pytestmark = pytest.mark.django_db(transaction=True)
V1 = "/api/v1/"
HALF = '"\\ud800"'
HOOK = '{"url":"http://127.0.0.1:9/"'
DEEP = "[" * 800 + "]" * 800


def sent(api: APIClient, method: str, path: str, body: str, **headers: str) -> Any:
    api.raise_request_exception = False
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.generic(
        method, f"{V1}{path}", body, content_type="application/json", headers=named
    )


def test_half_of_a_character_is_refused_also_from_strangers(
    redis_client: Any, settings: Any
) -> None:
    body = f'{{"username":"a","password":"b","scopes":[{HALF}]}}'

    answer = sent(APIClient(), "POST", "auth/token/", body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "me/", f"{{{HALF}:1}}"),
        ("PATCH", "me/", f'{{"timezone":{HALF}}}'),
        ("POST", "strategies/drafts/", f"{{{HALF}:1}}"),
        ("PATCH", "strategies/{strategy}/", f"{{{HALF}:1}}"),
        ("POST", "proxies/", f"{{{HALF}:1}}"),
        (
            "POST",
            "channels/",
            f'{{"name":"a","type":"webhook","config":{{"url":{HALF}}}}}',
        ),
        ("POST", "signals/", f"[{HALF}]"),
    ],
)
def test_half_of_a_character_is_refused_wherever_a_sentence_repeats_it(
    api: APIClient, method: str, path: str, body: str
) -> None:
    path = path.format(strategy=factories.strategy("one").pk)

    answer = sent(api, method, path, body)

    assert answer.status_code == 400
    assert "half of a character" in answer.json()["detail"]


def test_whole_characters_may_be_written_as_two_halves(api: APIClient) -> None:
    body = '{"name":"d","description":"up \\ud83d\\ude80"}'

    answer = sent(api, "POST", "strategies/drafts/", body)

    assert answer.json()["description"] == "up \U0001f680"


def test_a_list_that_cannot_be_answered_stores_nothing_and_frees_its_key(
    api: APIClient,
) -> None:
    good = {
        "strategy": "x",
        "pair": "BTC/USDT",
        "exchange": "binance",
        "timeframe": "5m",
        "type": "BUY",
        "price": 1,
        "timestamp": (timezone.now() - timedelta(minutes=5)).isoformat(),
    }
    bad = f'[{json.dumps(good)},{{"type":{HALF}}}]'

    refused = sent(api, "POST", "signals/", bad, idempotency_key="one")
    again = sent(api, "POST", "signals/", bad, idempotency_key="one")

    assert (refused.status_code, again.status_code) == (400, 400)
    assert not Signal.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f'{HOOK},"a":"b\\u0000"}}', "config.a holds"),
        (f'{HOOK},"a":1e999}}', "config.a holds"),
        (f'{HOOK},"a\\u0000":1}}', "config.a holds"),
        (f'{HOOK},"a":{HALF}}}', "half of a character"),
        (f'{HOOK},"headers":{DEEP}}}', "nested too deeply"),
    ],
)
def test_a_channel_is_refused_what_cannot_be_stored(
    api: APIClient, body: str, said: str
) -> None:
    row = NotificationChannel.objects.create(
        name="hook", type="webhook", config={"url": "http://127.0.0.1:9/"}
    )

    changed = sent(api, "PATCH", f"channels/{row.pk}/", f'{{"config":{body}}}')
    made = sent(
        api, "POST", "channels/", f'{{"name":"b","type":"webhook","config":{body}}}'
    )

    for answer in (changed, made):
        assert answer.status_code == 400
        assert said in answer.json()["detail"]
    assert NotificationChannel.objects.count() == 1
