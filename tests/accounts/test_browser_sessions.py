"""A browser login lives as long as its row."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import UserSession
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from accounts.models import User

pytestmark = pytest.mark.usefixtures("redis_client")


def log_in(client: Client, **headers: str) -> None:
    response = client.post(
        "/login/", {"username": "mei", "password": PASSWORD}, headers=headers
    )
    assert response.status_code == 302


def is_in(client: Client) -> bool:
    return client.get("/settings/").status_code == 200


def test_logging_in_writes_a_row_with_address_and_agent(
    client: Client, person: User
) -> None:
    log_in(client, **{"user-agent": "Firefox/145"})
    row = UserSession.objects.get()
    assert (row.user, row.ip_address, row.user_agent) == (
        person,
        "127.0.0.1",
        "Firefox/145",
    )
    assert row.token_hash.startswith("browser:")
    assert timedelta(days=13) < row.expires_at - timezone.now() <= timedelta(days=14)
    assert is_in(client)
    assert UserSession.objects.count() == 1


def test_revoking_the_row_ends_the_login_at_once(browser: Client) -> None:
    assert services.session_revoke(session_id=UserSession.objects.get().id)
    response = browser.get("/settings/")
    assert response.status_code == 302
    assert response.url.startswith("/login/")  # type: ignore[attr-defined]
    assert not is_in(browser)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_login_that_was_ended_does_nothing_on_the_api(
    browser: Client, person: User, method: str
) -> None:
    path = "/api/v1/me/tokens/" if method == "post" else "/api/v1/me/"
    told = {"data": {"name": "x", "days": 3}, "content_type": "application/json"}
    assert browser.get("/api/v1/me/").status_code == 200
    services.sessions_revoke_all(user=person)
    ask = getattr(browser, method)
    answer = ask(path, **(told if method == "post" else {}))
    assert answer.status_code == 401
    assert not UserSession.objects.exists()


def test_the_other_browser_stays_logged_in(browser: Client, person: User) -> None:
    other = Client()
    other.force_login(person)
    assert is_in(other)
    oldest = UserSession.objects.order_by("created_at")[0]
    services.session_revoke(session_id=oldest.id)
    assert not is_in(browser)
    assert is_in(other)


def test_an_expired_row_ends_the_login(browser: Client) -> None:
    UserSession.objects.update(expires_at=timezone.now())
    assert not is_in(browser)


def test_a_row_of_somebody_else_does_not_help(browser: Client, db: None) -> None:
    from accounts.models import User  # noqa: PLC0415 - only its manager is needed

    UserSession.objects.update(user=User.objects.create_user("li", PASSWORD))
    assert not is_in(browser)


def test_logging_out_removes_the_row(browser: Client) -> None:
    response = browser.post("/logout/")
    assert response.status_code == 302
    assert not UserSession.objects.exists()
    assert not is_in(browser)


def test_logging_out_needs_a_post(browser: Client) -> None:
    assert browser.get("/logout/").status_code == 405
    assert is_in(browser)


def test_a_login_by_any_way_gets_a_row(client: Client, person: User) -> None:
    client.force_login(person)
    assert not UserSession.objects.exists()
    assert is_in(client)
    assert is_in(client)
    assert UserSession.objects.count() == 1


def test_logging_in_as_somebody_else_closes_the_row_before(
    browser: Client, django_user_model: type[User]
) -> None:
    other = django_user_model.objects.create_user("li", PASSWORD)
    browser.force_login(other)
    assert is_in(browser)
    assert UserSession.objects.filter(user=other).count() == 1


def test_the_check_costs_one_query(
    browser: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # The row, the user, and what this view needs: none of its own but the redirect.
    with django_assert_num_queries(2):
        assert browser.get("/profile/preferences/").status_code == 302


def test_a_visitor_costs_no_query(
    client: Client, person: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # The first of an hour finds out whether there is anybody who could log in.
    assert client.get("/login/").status_code == 200
    with django_assert_num_queries(0):
        assert client.get("/login/").status_code == 200


def test_a_closed_account_is_out_at_once(browser: Client, person: User) -> None:
    person.is_active = False
    person.save()
    assert not is_in(browser)
