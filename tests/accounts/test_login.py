"""The login page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.auth.hashers import identify_hasher
from django.test import Client, override_settings

from accounts import services
from accounts.models import User
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from django.http import HttpResponse
    from pytest_django import Settings

pytestmark = [pytest.mark.usefixtures("redis_client"), pytest.mark.django_db]


def attempt(client: Client, username: str, password: str) -> HttpResponse:
    response = client.post("/login/", {"username": username, "password": password})
    # The form's secret against forged requests differs from page to page.
    tokens = rb'(csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+'
    content = re.sub(tokens, b"", response.content)
    response.content = content.replace(username.encode(), b"NAME")
    return response  # type: ignore[return-value]


@pytest.mark.usefixtures("person")
def test_an_unknown_user_and_a_wrong_password_see_the_same_page(client: Client) -> None:
    wrong = attempt(client, "mei", "wrong")
    unknown = attempt(client, "no-such-user", "wrong")
    assert wrong.status_code == unknown.status_code == 200
    assert wrong.content == unknown.content


def test_an_unknown_user_costs_as_much_work_as_a_wrong_password(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher  # noqa: PLC0415

    hashed: list[str] = []
    original = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return original(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    client = Client()
    attempt(client, person.username, "wrong-1")
    attempt(client, "no-such-user", "wrong-2")
    assert hashed == ["wrong-1", "wrong-2"]


@pytest.mark.usefixtures("person")
def test_a_refused_login_never_shows_the_password_again(client: Client) -> None:
    assert b"my-secret-guess" not in attempt(client, "mei", "my-secret-guess").content


@pytest.mark.usefixtures("person")
def test_too_many_attempts_are_told_to_wait(client: Client) -> None:
    for _ in range(5):
        assert attempt(client, "mei", "wrong").status_code == 200
    response = attempt(client, "mei", PASSWORD)
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert "user_session_token" not in client.session


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("target", ["/settings/", "/settings/?a=b"])
def test_the_login_goes_to_a_page_of_ours(client: Client, target: str) -> None:
    body = {"username": "mei", "password": PASSWORD, "next": target}
    response = client.post("/login/", body)
    assert (response.status_code, response.headers["Location"]) == (302, target)


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "\thttps://evil.example",
        "",
    ],
)
def test_the_login_never_goes_elsewhere(client: Client, target: str) -> None:
    body = {"username": "mei", "password": PASSWORD, "next": target}
    assert client.post("/login/", body).headers["Location"] == "/dashboard/"
    # Somebody who is logged in already is sent on by the same rule.
    sent = client.get("/login/", {"next": target})
    assert sent.headers["Location"] == "/dashboard/"


@pytest.mark.usefixtures("person")
def test_switching_the_language_never_goes_elsewhere(client: Client) -> None:
    body = {"language": "en", "next": "https://evil.example/"}
    assert client.post("/language/", body).headers["Location"] == "/"


@pytest.mark.usefixtures("person")
def test_a_login_without_the_token_of_the_form_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login/", {"username": "mei", "password": PASSWORD})
    assert response.status_code == 403
    assert b"error-code" in response.content


@pytest.mark.usefixtures("person")
def test_the_session_gets_a_new_key_when_somebody_logs_in(client: Client) -> None:
    session = client.session
    session["before"] = True
    session.save()
    assert session.session_key
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    client.post("/login/", {"username": "mei", "password": PASSWORD})
    assert client.session.session_key != session.session_key


@override_settings(
    PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"]
)
def test_passwords_are_stored_with_argon2(client: Client) -> None:
    user = User.objects.create_user("ana", PASSWORD)
    assert user.password.startswith("argon2$argon2id$")
    assert PASSWORD not in user.password
    assert (
        client.post("/login/", {"username": "ana", "password": PASSWORD}).status_code
        == 302
    )


def test_the_product_itself_puts_argon2_first() -> None:
    import btc_watcher.settings as product  # noqa: PLC0415 - not the tests' settings

    assert product.PASSWORD_HASHERS[0].endswith(".Argon2PasswordHasher")
    with override_settings(PASSWORD_HASHERS=product.PASSWORD_HASHERS):
        user = User.objects.create_user("ben", PASSWORD)
        assert identify_hasher(user.password).algorithm == "argon2"


def test_the_first_administrator_is_made_once() -> None:
    wanted = {"username": "admin", "language": "en", "timezone": "UTC"}
    user, created = services.admin_ensure(password="First-pass-1", **wanted)
    assert created
    assert user.is_staff
    assert user.is_superuser
    again, created = services.admin_ensure(password="Second-pass-2", **wanted)
    assert not created
    assert again == user
    assert again.check_password("First-pass-1")


def test_the_admin_has_no_login_page_of_its_own(client: Client, person: User) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/login/?next=/admin/"
    client.force_login(person)
    assert client.get("/admin/", follow=True).status_code == 403
    person.is_staff = True
    person.save()
    assert client.get("/admin/login/?next=/admin/").headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_a_fresh_system_says_how_to_make_the_first_account(
    client: Client, settings: Settings
) -> None:
    settings.DEMO = True
    client.cookies["django_language"] = "en"
    page = client.get("/login/").content.decode()
    assert "There is no account yet." in page
    assert "manage.py createsuperuser" in page
    assert "Demonstration" not in page
    user = User.objects.create_user("mei", PASSWORD, is_active=False)
    assert "There is no account yet." in client.get("/login/").content.decode()

    User.objects.filter(pk=user.pk).update(is_active=True)
    page = client.get("/login/").content.decode()
    assert "There is no account yet." not in page
    assert "Demonstration" in page


@pytest.mark.usefixtures("person")
def test_a_login_that_was_ended_is_explained_on_the_login_page(client: Client) -> None:
    client.cookies["django_language"] = "en"
    attempt(client, "mei", PASSWORD)
    services.sessions_revoke_all(user=User.objects.get())
    page = client.get("/profile/security/", follow=True)
    assert "You were logged out: this login has ended" in page.content.decode()
    # Once, and not to who was never logged in.
    assert "You were logged out" not in client.get("/login/").content.decode()
    page = Client().get("/profile/security/", follow=True)
    assert "You were logged out" not in page.content.decode()
