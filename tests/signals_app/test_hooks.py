"""Inbound webhooks: who knows the secret of a strategy posts its signals, nobody else."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from signals_app.models import Signal
from strategies.models import Strategy
from tests.strategies import factories

if TYPE_CHECKING:
    import redis

pytestmark = pytest.mark.django_db(transaction=True)
BODY = {"pair": "BTC/USDT", "type": "buy", "price": "63210.5", "strength": 91}


@pytest.fixture
def api(redis_client: redis.Redis) -> APIClient:
    client = APIClient(headers={"accept-language": "en"})
    client.force_authenticate(User.objects.create_superuser("admin", "secret-word"))
    return client


@pytest.fixture
def hook(api: APIClient) -> dict[str, Any]:
    strategy = factories.strategy("one")
    return dict(api.post(f"/api/v1/strategies/{strategy.pk}/hook/").json())


def vendor(address: str, body: Any = None, **headers: str) -> Any:
    return APIClient(headers={"accept-language": "en"}).post(
        address.replace("http://testserver", ""),
        json.dumps(BODY if body is None else body),
        content_type="application/json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def test_a_post_to_the_secret_address_is_a_signal_of_the_strategy(
    hook: dict[str, Any],
) -> None:
    first, again = vendor(hook["secret_address"]), vendor(hook["secret_address"])

    assert (first.status_code, first.json()["status"]) == (201, "created")
    # A vendor that posts twice within a candle means the same signal.
    assert again.json()["id"] == first.json()["id"] or again.status_code == 201
    signal = Signal.objects.get(pk=first.json()["id"])
    assert (signal.strategy_name, signal.signal_type) == ("one", "BUY")
    config = Strategy.objects.get(name="one").config
    assert (signal.exchange, signal.timeframe) == (
        config["exchange"],
        config["timeframe"],
    )


def test_a_form_is_read_as_well_as_json(hook: dict[str, Any]) -> None:
    address = hook["secret_address"].replace("http://testserver", "")
    answer = APIClient().post(
        address,
        "pair=BTC/USDT&type=SELL&price=1",
        content_type="application/x-www-form-urlencoded",
    )

    assert answer.status_code == 201


def test_a_signed_post_is_taken_and_one_with_another_body_is_not(
    hook: dict[str, Any],
) -> None:
    signed = hmac.new(
        hook["secret"].encode(), json.dumps(BODY).encode(), hashlib.sha256
    )
    signature = f"sha256={signed.hexdigest()}"

    good = vendor(hook["address"], x_signature=signature)
    forged = vendor(hook["address"], BODY | {"type": "SELL"}, x_signature=signature)
    bare = vendor(hook["address"])

    assert [each.status_code for each in (good, forged, bare)] == [201, 401, 401]


def test_a_new_secret_ends_the_old_one_and_a_closed_hook_takes_nothing(
    api: APIClient, hook: dict[str, Any]
) -> None:
    url = hook["address"].replace(
        "http://testserver/api/v1/hooks/", "/api/v1/strategies/"
    )
    newer = api.post(f"{url}hook/").json()

    assert newer["secret"] != hook["secret"]
    assert vendor(hook["secret_address"]).status_code == 401
    assert vendor(newer["secret_address"]).status_code == 201
    shown = api.get(f"{url}hook/")
    assert newer["secret"] not in shown.content.decode()
    api.delete(f"{url}hook/")
    assert api.get(f"{url}hook/").json()["open"] is False
    assert vendor(newer["secret_address"]).status_code == 401


def test_nothing_tells_a_stranger_which_strategies_there_are(
    redis_client: redis.Redis,
) -> None:
    strategy = factories.strategy("one")
    there = vendor(f"/api/v1/hooks/{strategy.pk}/guess/")
    nowhere = vendor("/api/v1/hooks/99999/guess/")

    assert there.status_code == nowhere.status_code == 401
    assert there.json() == nowhere.json()


def test_what_is_no_signal_is_refused_with_the_reason(hook: dict[str, Any]) -> None:
    answer = vendor(hook["secret_address"], {"pair": "BTC/USDT", "type": "maybe"})

    assert answer.status_code == 400
    assert "price" in answer.json()["detail"]
    assert vendor(hook["secret_address"], [1]).status_code == 400
