"""The API of strategies as an integrator meets it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from strategies.models import Strategy
from strategies.services import (
    candles_seen,
    live_enable,
    process_started,
    process_stopped,
    strategy_start,
    strategy_update,
)
from tests.strategies import factories
from tests.strategies.factories import CONFIG

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
URL = "/api/v1/strategies/"
PROBLEM = "application/problem+json"


@pytest.fixture
def mei() -> User:
    return factories.person()


@pytest.fixture
def client(mei: User) -> APIClient:
    """A client of somebody who may change strategies."""
    mei.user_permissions.add(Permission.objects.get(codename="change_strategy"))
    return logged_in(mei)


def logged_in(user: User) -> APIClient:
    api = APIClient(headers={"accept-language": "en"})
    api.force_authenticate(user)
    return api


def test_strangers_are_asked_who_they_are() -> None:
    stranger = APIClient()
    for answer in (
        stranger.get(URL),
        stranger.get(f"{URL}1/"),
        stranger.post(f"{URL}1/start/"),
        stranger.post(f"{URL}change/"),
    ):
        assert answer.status_code == 401
        assert answer["Content-Type"].startswith(PROBLEM)


def test_whoever_may_only_look_changes_nothing(mei: User) -> None:
    made = factories.strategy()
    api = logged_in(mei)

    assert api.get(URL).status_code == 200
    assert api.get(f"{URL}{made.pk}/").status_code == 200
    for address in (f"{made.pk}/start/", "change/"):
        answer = api.post(URL + address, {}, format="json")
        assert answer.status_code == 403
        assert answer["Content-Type"].startswith(PROBLEM)
    assert Strategy.objects.get().status == "stopped"


def test_the_list_has_every_strategy_and_no_draft(client: APIClient) -> None:
    made = factories.strategy("b", freqtrade_config={"version": "2026.9"})
    factories.strategy("a")
    factories.draft("c")
    candles_seen(made.pk, {"BTC/USDT": 5})

    first, second = client.get(URL).json()["results"]

    assert (first["name"], second["name"]) == ("a", "b")
    assert second["id"] == made.pk
    assert (second["status"], second["version"]) == ("stopped", "v1.0")
    assert second["freqtrade_version"] == "2026.9"
    assert second["last_candles"] == {"BTC/USDT": 5}
    assert (second["live"], second["heartbeat"]) == (False, None)
    assert "config" not in second


def test_one_strategy_is_shown_with_its_versions_and_processes(
    client: APIClient, mei: User
) -> None:
    made = factories.strategy(created_by=mei)
    strategy_update(
        made.pk, by=mei, summary="more", config=CONFIG | {"timeframe": "5m"}
    )
    process = process_started(made.pk, pid=42, create_time=1.0, details={})
    process_stopped(process.pk, status="error", reason="killed")

    shown = client.get(f"{URL}{made.pk}/").json()

    assert shown["config"]["timeframe"] == "5m"
    assert shown["signal_thresholds"] == {"strong": 80, "medium": 50, "weak": 20}
    newest, first = shown["versions"]
    assert (newest["version"], newest["summary"]) == ("v1.1", "more")
    assert (newest["active"], newest["by"]) == (True, "mei")
    assert (first["version"], first["active"]) == ("v1.0", False)
    (run,) = shown["processes"]
    assert (run["pid"], run["status"], run["reason"]) == (42, "error", "killed")
    assert run["stopped_at"].endswith("+00:00")


@pytest.mark.parametrize("address", ["99/", "99/start/"])
def test_what_does_not_exist_is_not_found(client: APIClient, address: str) -> None:
    method = client.post if address.endswith("start/") else client.get
    answer = method(URL + address)
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no strategy number 99."


def test_a_draft_is_not_found(client: APIClient) -> None:
    draft = factories.draft()
    assert client.get(f"{URL}{draft.pk}/").status_code == 404
    assert client.post(f"{URL}{draft.pk}/start/").status_code == 404


def test_secrets_never_come_out(client: APIClient, mei: User) -> None:
    made = factories.strategy(
        "trader", type="trade_execution", config={"exchange": "binance"}
    )
    live_enable(
        made.pk, by=mei, typed_name="trader", api_key="my-key", api_secret="my-secret"
    )
    row = Strategy.objects.get().freqtrade_config["live"]

    one = client.get(f"{URL}{made.pk}/").json()

    assert one["live"]
    live = one["freqtrade_config"]["live"]
    assert (live["key"], live["secret"], live["by"]) == ("set", "set", "mei")
    text = json.dumps([one, client.get(URL).json()])
    for secret in ("my-key", "my-secret", row["key"], row["secret"]):
        assert secret not in text


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("start", "stopped", "starting"),
        ("stop", "running", "stopping"),
        ("restart", "running", "starting"),
    ],
)
def test_one_is_started_stopped_and_restarted(
    client: APIClient, action: str, before: str, after: str
) -> None:
    made = factories.strategy()
    Strategy.objects.update(status=before)

    answer = client.post(f"{URL}{made.pk}/{action}/")

    assert answer.status_code == 200
    assert answer.json() == {"id": made.pk, "name": "mine", "status": after}
    assert Strategy.objects.get().status == after


def test_what_the_state_does_not_allow_is_a_conflict_in_words(
    client: APIClient,
) -> None:
    made = factories.strategy()

    answer = client.post(f"{URL}{made.pk}/stop/")

    assert answer.status_code == 409
    assert answer["Content-Type"].startswith(PROBLEM)
    assert answer.json()["detail"] == "Strategy 'mine' is stopped already."


def test_looking_starts_nothing(client: APIClient) -> None:
    made = factories.strategy()
    assert client.get(f"{URL}{made.pk}/start/").status_code == 405
    assert Strategy.objects.get().status == "stopped"


def test_many_are_changed_at_once_and_each_refusal_is_told(client: APIClient) -> None:
    one, two = factories.strategy("one"), factories.strategy("two")
    strategy_start(two.pk)
    Strategy.objects.filter(pk=two.pk).update(status="running")

    answer = client.post(
        f"{URL}change/",
        {"ids": [one.pk, two.pk, 99], "action": "start"},
        format="json",
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "done": [{"id": one.pk, "name": "one", "status": "starting"}],
        "refused": [
            "Strategy 'two' is running already.",
            "There is no strategy number 99.",
        ],
        "results": [
            {"id": one.pk, "done": True, "status": "starting", "detail": None},
            {
                "id": two.pk,
                "done": False,
                "status": None,
                "detail": "Strategy 'two' is running already.",
            },
            {
                "id": 99,
                "done": False,
                "status": None,
                "detail": "There is no strategy number 99.",
            },
        ],
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": [], "action": "start"}, "ids"),
        ({"ids": ["x"], "action": "start"}, "ids.0"),
        ({"ids": [2**40], "action": "start"}, "ids.0"),
        ({"ids": [1], "action": "explode"}, "action"),
        ({"action": "start"}, "ids"),
    ],
)
def test_a_request_that_makes_no_sense_names_the_field(
    client: APIClient, body: dict[str, object], field: str
) -> None:
    answer = client.post(f"{URL}change/", body, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
