"""Inbound webhooks: who knows the secret of a strategy posts its signals, nobody else."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from signals_app.hooks import hook_moment
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


def signature_of(hook: dict[str, Any], body: Any) -> str:
    sent = json.dumps(body).encode()
    return (
        f"sha256={hmac.new(hook['secret'].encode(), sent, hashlib.sha256).hexdigest()}"
    )


def closed(ago: timedelta) -> str:
    return (timezone.now() - ago).replace(microsecond=0).isoformat()


def test_a_post_to_the_secret_address_is_a_signal_of_the_strategy(
    hook: dict[str, Any],
) -> None:
    first = vendor(hook["secret_address"])

    assert (first.status_code, first.json()["status"]) == (201, "created")
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
    body = BODY | {"timestamp": closed(timedelta(0))}
    signature = signature_of(hook, body)

    good = vendor(hook["address"], body, x_signature=signature)
    forged = vendor(hook["address"], body | {"type": "SELL"}, x_signature=signature)
    bare = vendor(hook["address"], body)

    assert [each.status_code for each in (good, forged, bare)] == [201, 401, 401]


def test_a_signed_post_that_is_sent_again_is_no_new_signal(
    hook: dict[str, Any],
) -> None:
    body = BODY | {"timestamp": closed(timedelta(hours=2))}
    timeless, old = BODY, BODY | {"timestamp": closed(timedelta(hours=25))}

    answers = [
        vendor(hook["address"], each, x_signature=signature_of(hook, each))
        for each in (body, body, timeless, old)
    ]

    assert [each.status_code for each in answers] == [201, 200, 400, 400]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    for refused, said in zip(answers[2:], ("needs the time", "24 hours"), strict=True):
        assert said in refused.json()["errors"]["timestamp"][0]
    # Without a signature there is nothing that could be sent again by others.
    assert vendor(hook["secret_address"], timeless).status_code == 201


@pytest.mark.parametrize(
    ("timeframe", "now", "moment"),
    [
        ("1h", "2026-11-23T10:00:00", "2026-11-23T10:00:00"),
        ("1h", "2026-11-23T10:04:59", "2026-11-23T10:00:00"),
        # In the middle of a candle nobody can say what its close will be.
        ("1h", "2026-11-23T10:05:01", "2026-11-23T10:05:01"),
        ("1h", "2026-11-23T10:40:00.7", "2026-11-23T10:40:00"),
        # A clock that is a little behind.
        ("1h", "2026-11-23T10:59:58", "2026-11-23T11:00:00"),
        ("1h", "2026-11-23T10:59:50", "2026-11-23T10:59:50"),
        ("1m", "2026-11-23T10:00:06", "2026-11-23T10:00:00"),
        ("1m", "2026-11-23T10:00:07", "2026-11-23T10:00:07"),
        # Weeks begin on Monday, months on the first.
        ("1w", "2026-11-23T00:00:20", "2026-11-23T00:00:00"),
        ("1w", "2026-11-19T00:00:20", "2026-11-19T00:00:20"),
        ("1M", "2026-12-01T00:02:00", "2026-12-01T00:00:00"),
        ("1M", "2026-11-24T00:00:00", "2026-11-24T00:00:00"),
        ("never", "2026-11-24T00:00:01", "2026-11-24T00:00:01"),
    ],
)
def test_a_post_without_a_time_means_a_close_that_was_just_now_or_now(
    timeframe: str, now: str, moment: str
) -> None:
    found = hook_moment(datetime.fromisoformat(f"{now}+00:00"), timeframe)

    assert found == datetime.fromisoformat(f"{moment}+00:00")


def test_two_alerts_in_one_candle_are_two_signals(
    hook: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever the clock shows, these are minutes apart and in the middle of a day.
    middle = timezone.now().replace(hour=0, minute=30) - timedelta(days=1)
    body = BODY | {"timeframe": "1d"}
    ids = []
    for minutes in (0, 3):
        now = middle + timedelta(minutes=minutes)
        monkeypatch.setattr(timezone, "now", lambda now=now: now)
        answer = vendor(hook["secret_address"], body)
        assert answer.status_code == 201
        ids.append(answer.json()["id"])
        stored = Signal.objects.get(pk=ids[-1])
        assert stored.timestamp == now.replace(microsecond=0)

    assert ids[0] != ids[1]


def test_good_posts_are_counted_by_strategy_and_refused_ones_by_address(
    api: APIClient, hook: dict[str, Any], settings: Any
) -> None:
    settings.API_CHANGES_PER_MINUTE = 2
    settings.API_HOOK_POSTS_PER_MINUTE = 5
    other = factories.strategy("other")
    there = api.post(f"/api/v1/strategies/{other.pk}/hook/").json()["secret_address"]
    wrong = f"{hook['address']}guess/"

    refused = [vendor(wrong).status_code for _ in range(3)]
    good = [vendor(hook["secret_address"]).status_code for _ in range(6)]

    assert refused == [401, 401, 429]
    assert set(good[:5]) <= {200, 201}
    assert good[5] == 429
    # Another strategy loses nothing, though it is the same vendor that posts.
    assert vendor(there).status_code == 201


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
