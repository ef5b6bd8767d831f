"""The API of outcomes and of choices as an integrator meets it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User, UserSession
from signals_app.models import SignalChoice
from strategies.models import Strategy
from tests.signals_app.outcome_rows import judged, path, stored

if TYPE_CHECKING:
    import redis

pytestmark = pytest.mark.django_db
URL = "/api/v1/outcomes/"
PRICE = 63_210.5


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis) -> None:
    """Nothing is kept from the test before."""


@pytest.fixture
def user() -> User:
    return User.objects.create_user("integrator", "secret-word")


@pytest.fixture
def api(user: User) -> APIClient:
    client = APIClient(headers={"accept-language": "en"})
    client.force_authenticate(user)
    return client


def recent(**changes: Any) -> dict[str, Any]:
    moment = timezone.now().replace(second=0, microsecond=0)
    return {"timestamp": moment - timedelta(minutes=30), **changes}


def test_nobody_reads_or_marks_without_a_token() -> None:
    (identifier,) = stored(recent())
    address = f"/api/v1/signals/{identifier}/choice/"
    stranger = APIClient()
    for answer in (
        stranger.get(URL),
        stranger.get(address),
        stranger.put(address, {"choice": "taken"}, format="json"),
        stranger.delete(address),
    ):
        assert answer.status_code == 401
    assert not SignalChoice.objects.exists()


def test_hit_rates_are_given_with_their_interval(api: APIClient) -> None:
    strategy = Strategy.objects.create(name="mine")
    own = {"strategy_id": strategy.pk, "strategy_name": "mine"}
    ids = stored(*[recent(pair=f"P{n}/USDT", **own) for n in range(3)])
    judged(ids, path(PRICE, 1.0, 2.0))

    answer = api.get(URL)

    assert answer.status_code == 200
    body = answer.json()
    (row,) = body["results"]
    assert (row["strategy_id"], row["strategy"], row["key"]) == (
        strategy.pk,
        "mine",
        "strong",
    )
    assert (row["signals"], row["unknown"]) == (3, 0)
    assert row["horizons"]["24"] == {
        "count": 3,
        "right": 3,
        "rate": 1.0,
        "low": pytest.approx(0.4385, abs=1e-4),
        "high": 1.0,
        "mean": 2.0,
        "median": 2.0,
    }
    (total,) = body["total"]
    assert (total["strategy_id"], total["signals"]) == (None, 3)
    assert body["exact"] is True
    today = timezone.now().date()
    assert body["window"] == {
        "from": (today - timedelta(days=29)).isoformat(),
        "to": (today + timedelta(days=1)).isoformat(),
    }
    assert body["next"] is None


def test_what_is_asked_for_is_checked(api: APIClient) -> None:
    for query, field in (
        ({"by": "pair"}, "strategy"),
        ({"by": "colour"}, "by"),
        ({"level": "huge"}, "level"),
        ({"direction": "HOLD"}, "direction"),
        ({"kind": "x"}, "kind"),
        ({"from": "x"}, "from"),
        ({"from": "2026-01-02", "to": "2026-01-02"}, "from"),
        ({"from": "2024-01-01", "to": "2026-01-02"}, "from"),
        ({"to": "0001-01-01"}, "to"),
    ):
        answer = api.get(URL, query)
        assert answer.status_code == 400, query
        assert field in answer.json()["errors"], query
    for query in (
        {"strategy": "0", "by": "pair"},
        {"strategy": "9" * 60},
        {"strategy": "nobody", "kind": "exit", "level": "weak", "direction": "SELL"},
        {"to": "9999-12-31"},
        {"from": "1970-01-01", "to": "1970-12-31"},
    ):
        assert api.get(URL, query).json()["results"] == [], query


def test_a_signals_detail_has_its_outcome(api: APIClient) -> None:
    done, fresh, both = stored(
        recent(pair="A/USDT"),
        recent(pair="B/USDT"),
        recent(pair="C/USDT", signal_type="HOLD", mark="enter_long+exit_long"),
    )
    judged([done], [None, *path(PRICE, 1.0)[:4]], due=timezone.now() + timedelta(1))

    outcome = api.get(f"/api/v1/signals/{done}/").json()["outcome"]
    assert (outcome["state"], outcome["reason"]) == ("open", "")
    assert outcome["horizons"]["1"] == {
        "price": None,
        "move": None,
        "best": None,
        "worst": None,
        "missing": 1,
    }
    four = outcome["horizons"]["4"]
    assert (four["price"], four["move"], four["missing"]) == ("63842.605", 1.0, 1)
    assert outcome["horizons"]["24"] is None

    waiting = api.get(f"/api/v1/signals/{fresh}/").json()
    assert waiting["outcome"]["state"] == "open"
    assert waiting["outcome"]["horizons"] == {"1": None, "4": None, "24": None}
    assert waiting["choice"] is None
    assert api.get(f"/api/v1/signals/{both}/").json()["outcome"] is None


def test_a_choice_is_set_read_replaced_and_cleared(api: APIClient, user: User) -> None:
    (identifier,) = stored(recent())
    address = f"/api/v1/signals/{identifier}/choice/"
    assert api.get(address).status_code == 404

    made = api.put(address, {"choice": "taken", "note": " dip "}, format="json")
    assert made.status_code == 200
    assert (made.json()["choice"], made.json()["note"]) == ("taken", "dip")
    assert api.get(address).json() == made.json()
    assert api.get(f"/api/v1/signals/{identifier}/").json()["choice"] == made.json()

    api.put(address, {"choice": "skipped"}, format="json")
    assert SignalChoice.objects.get().choice == "skipped"
    assert SignalChoice.objects.get().note == ""
    assert api.delete(address).status_code == 204
    assert api.delete(address).status_code == 204
    assert not SignalChoice.objects.exists()


def test_a_token_that_may_only_read_marks_nothing(user: User) -> None:
    (identifier,) = stored(recent())
    address = f"/api/v1/signals/{identifier}/choice/"
    words = {}
    for scopes in (["read"], ["read", "write"]):
        token = UserSession(
            user=user, scopes=scopes, expires_at=timezone.now(), token_hash="x"
        )
        client = APIClient(headers={"accept-language": "en"})
        client.force_authenticate(user, token)  # type: ignore[arg-type]
        answer = client.put(address, {"choice": "taken"}, format="json")
        words[len(scopes)] = answer.status_code, str(answer.json().get("detail"))
        assert client.get(URL).status_code == 200

    assert words[1][0] == 403
    assert "lacks the scope write" in words[1][1]
    assert words[2][0] == 200


def test_a_choice_that_makes_no_sense_is_refused(api: APIClient) -> None:
    (identifier,) = stored(recent())
    address = f"/api/v1/signals/{identifier}/choice/"
    for body in ({}, {"choice": "bought"}, {"choice": "taken", "note": "x" * 501}):
        assert api.put(address, body, format="json").status_code == 400
    gone = f"/api/v1/signals/{uuid4()}/choice/"
    assert api.put(gone, {"choice": "taken"}, format="json").status_code == 404
    assert api.delete(gone).status_code == 404
    assert not SignalChoice.objects.exists()


def test_the_list_is_filtered_by_ones_own_choice(api: APIClient) -> None:
    ids = stored(*[recent(pair=f"P{n}/USDT") for n in range(4)])
    for identifier, choice in zip(ids, ("taken", "skipped"), strict=False):
        address = f"/api/v1/signals/{identifier}/choice/"
        api.put(address, {"choice": choice}, format="json")
    other = APIClient()
    other.force_authenticate(User.objects.create_user("other", "secret-word"))

    def found(client: APIClient, choice: str) -> set[str]:
        answer = client.get("/api/v1/signals/", {"choice": choice})
        return {row["id"] for row in answer.json()["results"]}

    assert found(api, "taken") == {str(ids[0])}
    assert found(api, "skipped") == {str(ids[1])}
    assert found(api, "undecided") == {str(ids[2]), str(ids[3])}
    assert found(other, "taken") == set()
    assert len(found(other, "undecided")) == 4
    assert api.get("/api/v1/signals/", {"choice": "x"}).status_code == 400
