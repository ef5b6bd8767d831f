"""The API of proxies as an integrator meets it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from proxies.models import Proxy
from proxies.selectors import proxy_address
from tests.proxies.fakes import history, proxy_row
from tests.proxies.pages import channel, person

if TYPE_CHECKING:
    from accounts.models import User
    from tests.notifications.fakes import ProxyFake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
URL = "/api/v1/proxies/"
PROBLEM = "application/problem+json"
SECRET = "s3cret-word"
NEW = {
    "name": "Tokyo",
    "type": "socks5",
    "host": "proxy.example.net",
    "port": 1080,
    "username": "me",
    "password": SECRET,
    "test_url": "http://target.test/ip",
    "health_check_config": {"window": 50},
}


def logged_in(user: User) -> APIClient:
    api = APIClient(headers={"accept-language": "en"})
    api.force_authenticate(user)
    return api


@pytest.fixture
def client() -> APIClient:
    """A client of somebody who may do everything."""
    return logged_in(person("add", "change", "delete"))


def refused(answer: Any, status: int = 400) -> dict[str, Any]:
    """Return the problem of an answer."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith(PROBLEM)
    body = answer.json()
    assert isinstance(body, dict)
    return body


def test_strangers_are_asked_who_they_are() -> None:
    stranger = APIClient()
    for answer in (
        stranger.get(URL),
        stranger.post(URL, NEW, format="json"),
        stranger.get(f"{URL}1/"),
        stranger.post(f"{URL}1/test/"),
        stranger.get(f"{URL}1/history/"),
    ):
        refused(answer, 401)


def test_who_may_only_look_changes_nothing() -> None:
    proxy = proxy_row(9)
    api = logged_in(person())
    assert api.get(URL).status_code == 200
    assert api.get(f"{URL}{proxy.pk}/history/").status_code == 200
    refused(api.post(URL, NEW, format="json"), 403)
    refused(api.patch(f"{URL}{proxy.pk}/", {}, format="json"), 403)
    refused(api.post(f"{URL}{proxy.pk}/test/"), 403)
    refused(api.delete(f"{URL}{proxy.pk}/"), 403)


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [("add", "post"), ("change", "patch"), ("change", "test"), ("delete", "delete")],
)
def test_each_change_has_a_permission_of_its_own(permission: str, allowed: str) -> None:
    proxy = proxy_row(9, test_url="http://127.0.0.1:9/")
    one = f"{URL}{proxy.pk}/"
    api = logged_in(person(permission))
    calls = {
        "post": lambda: api.post(URL, NEW, format="json"),
        "patch": lambda: api.patch(one, {"priority": 2}, format="json"),
        "test": lambda: api.post(f"{one}test/"),
        "delete": lambda: api.delete(one),
    }
    done = calls.pop(allowed)()
    assert done.status_code < 300
    for name, call in calls.items():
        if permission != "change" or name not in ("patch", "test"):
            refused(call(), 403)


def test_a_proxy_is_made_and_its_password_is_never_given_back(
    client: APIClient,
) -> None:
    answer = client.post(URL, NEW, format="json")
    assert answer.status_code == 201
    made = answer.json()
    assert made["has_password"] is True
    assert made["health_check_config"] == {"window": 50}
    assert (made["status"], made["enabled"], made["priority"]) == ("unknown", True, 1)
    proxy = Proxy.objects.get()
    assert proxy_address(proxy).password == SECRET
    for path in (URL, f"{URL}{proxy.pk}/"):
        text = client.get(path).content.decode()
        assert SECRET not in text
        assert "password_encrypted" not in text
        assert str(proxy.password_encrypted) not in text


def test_what_is_wrong_is_named_by_field(client: APIClient) -> None:
    wrong = NEW | {
        "host": "http://a:1",
        "port": 0,
        "health_check_config": {"window": 0, "windows": 1},
    }
    problem = refused(client.post(URL, wrong, format="json"))
    assert set(problem["errors"]) == {
        "host",
        "port",
        "health_check_config.window",
        "health_check_config.windows",
    }
    problem = refused(client.post(URL, {"name": "a"}, format="json"))
    assert set(problem["errors"]) == {"type", "host", "port"}
    problem = refused(client.post(URL, NEW | {"passwort": "x"}, format="json"))
    assert list(problem["errors"]) == ["passwort"]
    socks4 = NEW | {"type": "socks4"}
    problem = refused(client.post(URL, socks4, format="json"))
    assert "SOCKS4 knows no password" in problem["errors"]["password"][0]
    assert SECRET not in json.dumps(problem)
    assert not Proxy.objects.exists()
    refused(client.post(URL, [NEW], format="json"))
    refused(client.post(URL, "{", content_type="application/json"))


def test_two_cannot_have_one_name(client: APIClient) -> None:
    proxy_row(9, name="tokyo")
    problem = refused(client.post(URL, NEW, format="json"))
    assert list(problem["errors"]) == ["name"]


def test_a_change_keeps_what_it_does_not_name(client: APIClient) -> None:
    client.post(URL, NEW, format="json")
    one = f"{URL}{Proxy.objects.get().pk}/"
    changed = client.patch(one, {"name": "Osaka", "enabled": False}, format="json")
    assert changed.status_code == 200
    assert changed.json()["name"] == "Osaka"
    assert proxy_address(Proxy.objects.get()).password == SECRET
    nothing = {"username": None, "password": None}
    assert client.patch(one, nothing, format="json").json()["has_password"] is False
    refused(client.patch(one, {"port": 99999}, format="json"))
    refused(client.patch(f"{URL}999/", {}, format="json"), 404)


@pytest.mark.parametrize(
    "moved", [{"host": "evil.example.net"}, {"port": 1081}, {"type": "http"}]
)
def test_a_stored_password_goes_to_no_other_address(
    client: APIClient, moved: dict[str, Any]
) -> None:
    client.post(URL, NEW, format="json")
    one = f"{URL}{Proxy.objects.get().pk}/"
    problem = refused(client.patch(one, moved, format="json"))
    assert list(problem["errors"]) == ["password"]
    again = moved | {"password": SECRET}
    assert client.patch(one, again, format="json").status_code == 200


def test_the_list_has_figures_and_users(client: APIClient) -> None:
    proxy = proxy_row(9)
    proxy.performance_metrics = {"success_rate": 99.0, "p50_ms": 12, "streak": 3}
    proxy.save()
    row = channel(proxy)
    (found,) = client.get(URL).json()["results"]
    assert found["performance"]["success_rate"] == 99.0
    assert found["performance"]["p50_ms"] == 12
    assert found["users"] == [
        {"kind": "channel", "id": row.pk, "name": "on duty", "via": False}
    ]
    assert found["created_at"].endswith("Z")


def test_a_test_answers_with_what_was_found(
    client: APIClient, between: ProxyFake, url: str
) -> None:
    proxy = proxy_row(between.port, test_url=url)
    found = client.post(f"{URL}{proxy.pk}/test/").json()
    assert found["success"] is True
    assert found["exit_address"] == "203.0.113.7"
    assert found["why"] == "on_demand"
    assert found["proxy_status"] == "unknown"
    assert len(between.targets) == 1


def test_a_failing_test_says_its_class_and_a_sentence(
    client: APIClient, dead_port: int
) -> None:
    proxy = proxy_row(dead_port)
    found = client.post(f"{URL}{proxy.pk}/test/").json()
    assert (found["success"], found["failure"]) == (False, "refused")
    assert "Nobody listens at" in found["error"]
    refused(client.post(f"{URL}999/test/"), 404)


def test_the_history_is_of_the_period_that_is_asked_for(client: APIClient) -> None:
    proxy, now = proxy_row(9), timezone.now()
    history(proxy, "+-+", newest=now)
    history(proxy, "++", newest=now - timedelta(days=3))
    day = client.get(f"{URL}{proxy.pk}/history/").json()
    assert [test["success"] for test in day["results"]] == [True, False, True]
    assert day["failures"] == {"timeout": 1}
    assert sum(bucket["tests"] for bucket in day["buckets"]) == 3
    query = {"from": (now - timedelta(days=7)).isoformat(), "limit": "4"}
    week = client.get(f"{URL}{proxy.pk}/history/", query).json()
    assert len(week["results"]) == 4
    assert sum(bucket["tests"] for bucket in week["buckets"]) == 5
    refused(client.get(f"{URL}999/history/"), 404)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-01-01T00:00:00"}, "from"),
        ({"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ({"from": "2020-01-01T00:00:00Z"}, "from"),
        ({"to": "0001-01-01T00:00:00Z"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"buckets": "many"}, "buckets"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(
    client: APIClient, query: dict[str, str], field: str
) -> None:
    proxy = proxy_row(9)
    problem = refused(client.get(f"{URL}{proxy.pk}/history/", query))
    assert list(problem["errors"]) == [field]


def test_deleting_one_that_is_used_is_a_conflict(client: APIClient) -> None:
    proxy = proxy_row(9)
    row = channel(proxy)
    problem = refused(client.delete(f"{URL}{proxy.pk}/"), 409)
    assert "'on duty'" in problem["detail"]
    row.delete()
    assert client.delete(f"{URL}{proxy.pk}/").status_code == 204
    refused(client.delete(f"{URL}{proxy.pk}/"), 404)
