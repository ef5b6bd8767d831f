"""What every address does with limits, keys, tags, fields and cursors."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.db import connection, connections
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from accounts.models import User
from btc_watcher.lib import redis_keys
from proxies.models import Proxy
from strategies.services import strategies_change

pytestmark = pytest.mark.django_db(transaction=True)
PROXIES = "/api/v1/proxies/"
SILENCES = "/api/v1/silences/"
JSON = "application/json"


def silence(**changes: Any) -> dict[str, Any]:
    return {
        "reason": "works on the exchange",
        "ends_at": "2100-01-01T00:00:00Z",
    } | changes


def proxies(count: int) -> list[Proxy]:
    return [
        Proxy.objects.create(
            name=f"p{number}", type="http", host="127.0.0.1", port=9000 + number
        )
        for number in range(count)
    ]


def key(text: str) -> dict[str, str]:
    return {"idempotency-key": text}


# -- Limits ---------------------------------------------------------------------------


def test_too_many_requests_are_refused_with_the_seconds_to_wait(
    api: APIClient, settings: Any, redis_client: redis.Redis
) -> None:
    settings.API_READS_PER_MINUTE = 2

    answers = [api.get(SILENCES) for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 200, 429]
    assert 1 <= int(answers[2]["Retry-After"]) <= redis_keys.RATE_LIMIT_TTL
    assert answers[2]["Content-Type"].startswith("application/problem+json")
    counter = redis_keys.rate_limit("127.0.0.1", "api-silences:GET")
    assert redis_client.get(counter) == "3"
    assert 0 < int(str(redis_client.ttl(counter))) <= redis_keys.RATE_LIMIT_TTL


def test_each_endpoint_and_address_has_a_limit_of_its_own(
    api: APIClient, settings: Any
) -> None:
    settings.API_READS_PER_MINUTE = 1

    assert api.get(SILENCES).status_code == 200
    assert api.get(PROXIES).status_code == 200
    assert api.get(SILENCES, REMOTE_ADDR="10.0.0.9").status_code == 200
    assert api.get(SILENCES).status_code == 429


def test_also_who_is_not_known_is_counted(
    settings: Any, redis_client: redis.Redis
) -> None:
    settings.API_READS_PER_MINUTE = 1
    stranger = APIClient()

    assert [stranger.get(SILENCES).status_code for _ in range(2)] == [401, 429]


def test_without_redis_nothing_is_limited(
    api: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_READS_PER_MINUTE = 1
    monkeypatch.setattr("btc_watcher.lib.api.limits.redis_connection", _nobody)

    assert [api.get(SILENCES).status_code for _ in range(3)] == [200] * 3


def _nobody() -> redis.Redis:
    return redis.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))


# -- Idempotency-Key ------------------------------------------------------------------


def test_a_post_that_is_sent_again_is_answered_again_and_not_done_again(
    api: APIClient,
) -> None:
    first = api.post(SILENCES, silence(), format="json", headers=key("one"))
    again = api.post(SILENCES, silence(), format="json", headers=key("one"))
    other = api.post(SILENCES, silence(), format="json", headers=key("two"))

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 201)
    assert first.json() == again.json() != other.json()
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert len(api.get(SILENCES).json()["results"]) == 2


def test_a_key_with_another_body_is_refused(api: APIClient) -> None:
    api.post(SILENCES, silence(), format="json", headers=key("one"))
    answer = api.post(
        SILENCES, silence(reason="another"), format="json", headers=key("one")
    )

    assert answer.status_code == 422
    assert "another body" in answer.json()["detail"]


def test_what_was_refused_may_be_mended_and_sent_with_the_same_key(
    api: APIClient,
) -> None:
    bad = api.post(SILENCES, silence(reason=""), format="json", headers=key("one"))
    good = api.post(SILENCES, silence(), format="json", headers=key("one"))

    assert (bad.status_code, good.status_code) == (400, 201)


def test_a_key_is_free_again_when_its_answer_could_not_be_written(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: Any) -> bytes:
        raise UnicodeEncodeError("utf-8", "?", 0, 1, "made up")

    api.raise_request_exception = False
    body = json.dumps(silence())
    with monkeypatch.context() as patched:
        patched.setattr(JSONRenderer, "render", fails)
        broken = api.generic("POST", SILENCES, body, JSON, headers=key("one"))
    again = api.generic("POST", SILENCES, body, JSON, headers=key("one"))

    assert (broken.status_code, again.status_code) == (500, 201)


def test_keys_of_two_people_are_two_keys(api: APIClient) -> None:
    other = APIClient()
    other.force_authenticate(User.objects.create_superuser("other", "secret-word"))

    one = api.post(SILENCES, silence(), format="json", headers=key("same"))
    two = other.post(
        SILENCES, silence(reason="mine"), format="json", headers=key("same")
    )

    assert (one.status_code, two.status_code) == (201, 201)


def test_of_many_at_once_with_one_key_only_one_is_done(
    admin: User, api: APIClient
) -> None:
    count = 6
    gate = threading.Barrier(count)

    def send(_number: int) -> int:
        client = APIClient()
        client.force_authenticate(admin)
        gate.wait(10)
        try:
            answer = client.post(SILENCES, silence(), format="json", headers=key("k"))
            return answer.status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        codes = list(pool.map(send, range(count)))

    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert len(api.get(SILENCES).json()["results"]) == 1


def test_a_redis_that_is_flushed_forgets_the_keys(
    api: APIClient, redis_client: redis.Redis
) -> None:
    api.post(SILENCES, silence(), format="json", headers=key("one"))
    redis_client.flushdb()
    again = api.post(SILENCES, silence(), format="json", headers=key("one"))

    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again


def test_without_redis_a_key_is_refused_and_nothing_is_done(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("btc_watcher.lib.api.idempotency.redis_connection", _nobody)

    answer = api.post(SILENCES, silence(), format="json", headers=key("one"))

    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert api.get(SILENCES).json()["results"] == []


@pytest.mark.parametrize("text", ["", "x" * 201])
def test_what_is_no_key_is_refused(api: APIClient, text: str) -> None:
    answer = api.post(SILENCES, silence(), format="json", headers=key(text))

    assert answer.status_code == 400


def test_no_secret_of_a_body_is_kept_with_its_key(
    api: APIClient, redis_client: redis.Redis
) -> None:
    body = {
        "name": "p",
        "type": "http",
        "host": "127.0.0.1",
        "port": 9,
        "username": "u",
    }
    answer = api.post(
        PROXIES, body | {"password": "hunter2"}, format="json", headers=key("one")
    )

    assert answer.status_code == 201
    (kept,) = redis_client.keys("api:idempotency:*")
    assert "hunter2" not in str(redis_client.get(kept))


# -- ETags ----------------------------------------------------------------------------


def test_a_list_that_has_not_changed_is_not_sent_again(api: APIClient) -> None:
    api.post(SILENCES, silence(), format="json")
    tag = api.get(SILENCES)["ETag"]

    same = api.get(SILENCES, headers={"if-none-match": f'"other", {tag}'})
    api.post(SILENCES, silence(), format="json")
    changed = api.get(SILENCES, headers={"if-none-match": tag})

    assert (same.status_code, same.content) == (304, b"")
    assert same["ETag"] == tag
    assert changed.status_code == 200
    assert changed["ETag"] != tag


def test_the_moving_window_of_a_list_changes_no_tag(api: APIClient) -> None:
    first, second = api.get("/api/v1/signals/"), api.get("/api/v1/signals/")

    assert first.json()["window"] != second.json()["window"]
    assert first["ETag"] == second["ETag"]
    assert first["ETag"].startswith("W/")


def test_a_change_based_on_an_old_answer_is_refused(api: APIClient) -> None:
    (proxy,) = proxies(1)
    url = f"{PROXIES}{proxy.pk}/"
    tag = api.get(url)["ETag"]

    first = api.patch(url, {"name": "one"}, format="json", headers={"if-match": tag})
    second = api.patch(url, {"name": "two"}, format="json", headers={"if-match": tag})
    third = api.patch(
        url, {"name": "three"}, format="json", headers={"if-match": first["ETag"]}
    )

    assert [each.status_code for each in (first, second, third)] == [200, 412, 200]
    assert api.get(url).json()["name"] == "three"


def test_what_a_test_found_is_no_reason_to_refuse_a_change(api: APIClient) -> None:
    (proxy,) = proxies(1)
    url = f"{PROXIES}{proxy.pk}/"
    tag = api.get(url)["ETag"]
    Proxy.objects.filter(pk=proxy.pk).update(performance_metrics={"streak": 3})

    seen = api.get(url)
    changed = api.patch(url, {"name": "one"}, format="json", headers={"if-match": tag})

    assert seen["ETag"] != tag
    assert changed.status_code == 200


# -- Fields and cursors ---------------------------------------------------------------


def test_only_the_fields_that_are_asked_for_come(api: APIClient) -> None:
    (proxy,) = proxies(1)

    row = api.get(f"{PROXIES}{proxy.pk}/?fields=id,name").json()
    found = api.get(f"{PROXIES}?fields=name").json()

    assert row == {"id": proxy.pk, "name": "p0"}
    assert found == {"results": [{"name": "p0"}], "next": None}


def test_a_field_that_there_is_not_is_refused_with_those_that_there_are(
    api: APIClient,
) -> None:
    answer = api.get(f"{PROXIES}?fields=name,passwort")

    assert answer.status_code == 400
    assert "passwort" in answer.json()["errors"]["fields"][0]
    assert "has_password" in answer.json()["errors"]["fields"][0]


def test_pages_follow_each_other_and_miss_nothing(api: APIClient) -> None:
    proxies(5)
    url: str | None = f"{PROXIES}?page_size=2"
    names = []
    while url:
        page = api.get(url).json()
        names.append([row["name"] for row in page["results"]])
        url = page["next"]

    assert names == [["p0", "p1"], ["p2", "p3"], ["p4"]]


def test_a_page_begins_after_the_last_row_though_it_is_gone(api: APIClient) -> None:
    rows = proxies(4)
    following = api.get(f"{PROXIES}?page_size=2").json()["next"]
    rows[1].delete()

    found = api.get(following).json()["results"]
    assert [row["name"] for row in found] == ["p2", "p3"]


@pytest.mark.parametrize("text", ["x", "WzFd", "bnVsbA", "W10", "é", "W251bGxd"])
def test_what_is_no_cursor_is_refused(api: APIClient, text: str) -> None:
    for url in (
        PROXIES,
        SILENCES,
        "/api/v1/freqtrade/upgrades/",
        "/api/v1/strategies/",
    ):
        if url != PROXIES and text == "WzFd":
            continue
        answer = api.get(url, {"cursor": text})
        assert answer.status_code == 400, url
        assert "cursor" in answer.json()["errors"]


def test_a_number_that_no_row_can_have_is_not_found(api: APIClient) -> None:
    for path in ("proxies", "silences", "strategies", "notifications", "system/errors"):
        assert api.get(f"/api/v1/{path}/{2**70}/").status_code == 404


def test_nothing_is_asked_of_the_database_before_the_limit(
    api: APIClient, settings: Any
) -> None:
    settings.API_READS_PER_MINUTE = 1
    api.get(SILENCES)
    with connection.execute_wrapper(_refuse):
        assert api.get(SILENCES).status_code == 429


def _refuse(*_rest: object) -> None:
    raise AssertionError("The database was asked.")


def test_each_of_many_strategies_is_answered() -> None:
    changed = strategies_change([5, 7], "start")

    assert list(changed.results) == [5, 7]
    assert all(why for _status, why in changed.results.values())
