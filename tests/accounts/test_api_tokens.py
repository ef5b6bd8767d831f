"""Bearer tokens: got for a password, kept as a hash, ended at once."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone

from accounts import services
from accounts.facts import RequestFacts
from accounts.models import UserSession
from accounts.tasks import expire_sessions
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    import redis
    from rest_framework.test import APIClient

    from accounts.models import User

pytestmark = pytest.mark.usefixtures("redis_client")

ADDRESS = "/api/v1/auth/token/"
FACTS = RequestFacts("192.0.2.7", "curl/8.5")
PROBLEM = "application/problem+json"


def ask(api: APIClient, **body: object) -> dict[str, object]:
    response = api.post(ADDRESS, body, format="json")
    found: dict[str, object] = json.loads(response.content)
    return found | {"code": response.status_code}


def bearer(token: object) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def uses(api: APIClient, token: object) -> int:
    """Return the status of a request that needs a login."""
    return api.get("/api/v1/signals/", headers=bearer(token)).status_code


def test_a_token_is_given_for_the_right_password_and_opens_the_api(
    api: APIClient, person: User
) -> None:
    answer = ask(api, username="mei", password=PASSWORD, name="night script")
    assert answer["code"] == 200
    assert len(str(answer["token"])) >= 43
    assert uses(api, answer["token"]) == 200
    row = UserSession.objects.get(user=person)
    assert (row.name, row.user_agent, row.scopes) == ("night script", "", None)
    assert row.ip_address == "127.0.0.1"
    assert abs(row.expires_at - timezone.now() - timedelta(days=90)) < timedelta(
        minutes=1
    )


def test_a_token_answer_is_never_kept_by_a_cache(api: APIClient, person: User) -> None:
    response = api.post(
        ADDRESS, {"username": person.username, "password": PASSWORD}, format="json"
    )
    assert response.headers["Cache-Control"] == "no-store"


def test_only_the_hash_of_a_token_is_stored(person: User) -> None:
    _row, token = services.token_create(user=person, facts=FACTS, days=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT user_sessions::text FROM user_sessions")
        (text,) = cursor.fetchone() or ("",)
    assert token not in text
    assert hashlib.sha256(token.encode()).hexdigest() in text


def test_two_tokens_are_never_the_same(person: User) -> None:
    tokens = {
        services.token_create(user=person, facts=FACTS, days=1)[1] for _ in range(20)
    }
    assert len(tokens) == 20


def test_an_expired_token_is_refused(api: APIClient, person: User) -> None:
    row, token = services.token_create(user=person, facts=FACTS, days=1)
    assert uses(api, token) == 200
    row.expires_at = timezone.now() - timedelta(seconds=1)
    row.save()
    assert uses(api, token) == 401


def test_a_revoked_token_is_refused_at_once(api: APIClient, person: User) -> None:
    row, token = services.token_create(user=person, facts=FACTS, days=1)
    assert uses(api, token) == 200
    assert services.session_revoke(session_id=row.id)
    assert uses(api, token) == 401
    assert not services.session_revoke(session_id=row.id)


def test_the_token_of_a_closed_account_is_refused(api: APIClient, person: User) -> None:
    _row, token = services.token_create(user=person, facts=FACTS, days=1)
    person.is_active = False
    person.save()
    assert uses(api, token) == 401


def test_delete_ends_the_token_it_is_sent_with_and_no_other(
    api: APIClient, person: User
) -> None:
    _row, token = services.token_create(user=person, facts=FACTS, days=1)
    _other, kept = services.token_create(user=person, facts=FACTS, days=1)
    assert api.delete(ADDRESS, headers=bearer(token)).status_code == 204
    assert uses(api, token) == 401
    assert uses(api, kept) == 200
    assert api.delete(ADDRESS, headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer nonsense", "bearer a b c", "Bearer \xff\xfe"],
)
def test_a_bad_bearer_header_is_answered_401_with_a_challenge(
    api: APIClient, db: None, header: str
) -> None:
    response = api.get("/api/v1/signals/", HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert response.headers["Content-Type"] == PROBLEM


def test_a_request_without_any_login_is_answered_401_and_not_403(
    api: APIClient, db: None
) -> None:
    response = api.get("/api/v1/signals/")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_browser_login_is_no_bearer_token(api: APIClient, person: User) -> None:
    _row, token = services.session_open(
        user_id=person.id, facts=FACTS, expires_at=timezone.now() + timedelta(days=1)
    )
    assert uses(api, token) == 401


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(
    api: APIClient, person: User
) -> None:
    wrong = ask(api, username="mei", password="wrong")
    unknown = ask(api, username="nobody-of-this-name", password="wrong")
    assert wrong == unknown
    assert wrong["code"] == 401
    person.is_active = False
    person.save()
    assert ask(api, username="mei", password=PASSWORD) == wrong


def test_a_name_with_a_zero_byte_is_just_a_wrong_name(api: APIClient, db: None) -> None:
    assert ask(api, username="me\x00i", password="x")["code"] in {400, 401}


def test_missing_fields_are_named(api: APIClient, db: None) -> None:
    answer = ask(api, username="mei")
    assert answer["code"] == 400
    assert set(answer["errors"]) == {"password"}  # type: ignore[call-overload]


def test_a_body_that_is_no_json_is_answered_400(api: APIClient, db: None) -> None:
    response = api.post(ADDRESS, data=b"{nope", content_type="application/json")
    assert response.status_code == 400
    assert response.headers["Content-Type"] == PROBLEM


def test_guessing_is_slowed_down_even_for_the_right_password(
    api: APIClient, person: User
) -> None:
    for _ in range(5):
        assert ask(api, username="mei", password="wrong")["code"] == 401
    response = api.post(
        ADDRESS, {"username": "mei", "password": PASSWORD}, format="json"
    )
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 60


def test_the_limit_forgets_after_its_time(
    api: APIClient, person: User, redis_client: redis.Redis
) -> None:
    for _ in range(6):
        ask(api, username="mei", password="wrong")
    for key in redis_client.keys("rate_limit:*"):
        assert 0 < redis_client.ttl(key) <= 60
    for key in redis_client.keys("accounts:failures:*"):
        assert 0 < redis_client.ttl(key) <= 24 * 3600
        redis_client.delete(key)
    assert ask(api, username="mei", password=PASSWORD)["code"] == 200


def test_a_right_password_is_never_counted_against_a_person(
    api: APIClient, person: User
) -> None:
    for _ in range(40):
        assert ask(api, username="mei", password=PASSWORD)["code"] == 200


def test_expired_rows_are_removed_and_living_ones_stay(person: User) -> None:
    old, _token = services.token_create(user=person, facts=FACTS, days=1)
    kept, _token = services.token_create(user=person, facts=FACTS, days=30)
    assert services.sessions_expire(now=timezone.now() + timedelta(days=2)) == 1
    assert list(UserSession.objects.all()) == [kept]
    assert old.id != kept.id


def test_the_task_removes_what_has_expired(person: User) -> None:
    row, _token = services.token_create(user=person, facts=FACTS, days=1)
    UserSession.objects.filter(id=row.id).update(expires_at=timezone.now())
    expire_sessions()
    assert not UserSession.objects.exists()
