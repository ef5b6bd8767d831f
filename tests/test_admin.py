"""Every page of the admin opens, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import User, UserSession
from accounts.roles import Role, role_of
from accounts.services import token_create
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from typing import Any

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

REGISTERED = sorted(
    (
        (model._meta.label_lower, handler)
        for model, handler in admin.site._registry.items()
    ),
    key=lambda pair: pair[0],
)
LABELS = [label for label, _handler in REGISTERED]


@pytest.fixture(params=["en", "zh-hans"])
def browser(request: pytest.FixtureRequest, admin_client: Client) -> Client:
    admin_client.cookies["django_language"] = request.param
    return admin_client


def address(label: str, page: str, *arguments: object) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=arguments)


def test_the_index_opens_and_lists_every_app(browser: Client) -> None:
    page = browser.get(reverse("admin:index")).content.decode()
    for label in LABELS:
        assert address(label, "changelist") in page


@pytest.mark.parametrize(("label", "handler"), REGISTERED, ids=LABELS)
def test_the_list_opens_and_can_be_searched(
    browser: Client, label: str, handler: Any
) -> None:
    assert browser.get(address(label, "changelist")).status_code == 200
    if handler.search_fields:
        found = browser.get(address(label, "changelist"), {"q": "x"})
        assert found.status_code == 200


@pytest.mark.parametrize(("label", "handler"), REGISTERED, ids=LABELS)
def test_the_page_to_add_one_opens_or_is_forbidden_as_meant(
    browser: Client, rf: Any, admin_user: User, label: str, handler: Any
) -> None:
    request = rf.get("/")
    request.user = admin_user
    expected = 200 if handler.has_add_permission(request) else 403
    assert browser.get(address(label, "add")).status_code == expected


def test_a_password_hash_is_never_shown(admin_client: Client, admin_user: User) -> None:
    page = admin_client.get(address("accounts.user", "change", admin_user.pk))
    text = page.content.decode()
    assert page.status_code == 200
    assert admin_user.password.rpartition("$")[2] not in text
    assert "md5" not in text
    assert reverse("admin:auth_user_password_change", args=[admin_user.pk]) in text


def test_a_user_is_made_and_changed(admin_client: Client) -> None:
    body = {
        "username": "li",
        "email": "",
        "role": "viewer",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    admin_client.post(address("accounts.user", "add"), body)
    user = User.objects.get(username="li")
    assert user.check_password(PASSWORD)
    changed = {
        "username": "li",
        "email": "li@example.org",
        "language": "en",
        "timezone": "Asia/Tokyo",
        "preferences": "{}",
        "role": "operator",
        "is_active": "on",
    }
    where = address("accounts.user", "change", user.pk)
    assert admin_client.post(where, changed).status_code == 302
    user.refresh_from_db()
    assert (user.email, user.timezone) == ("li@example.org", "Asia/Tokyo")
    assert role_of(user) is Role.OPERATOR
    assert user.check_password(PASSWORD)
    refused = admin_client.post(where, changed | {"timezone": "Mars"})
    assert refused.status_code == 200
    assert "Mars" in refused.content.decode()


def test_two_users_cannot_have_one_name(admin_client: Client, admin_user: User) -> None:
    body = {
        "username": admin_user.username,
        "role": "viewer",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    response = admin_client.post(address("accounts.user", "add"), body)
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()


def test_a_new_password_from_the_admin_ends_sessions_and_tokens(
    admin_client: Client,
) -> None:
    user = User.objects.create_user("li", PASSWORD)
    _token(user)
    where = reverse("admin:auth_user_password_change", args=[user.pk])
    body = {
        "usable_password": "true",
        "password1": "Another-horse-8",
        "password2": "Another-horse-8",
    }
    assert admin_client.post(where, body).status_code == 302
    assert not UserSession.objects.filter(user=user).exists()


def test_chosen_sessions_are_ended(admin_client: Client) -> None:
    user = User.objects.create_user("li", PASSWORD)
    ended, kept = _token(user), _token(user)
    where = address("accounts.usersession", "changelist")
    page = admin_client.get(where).content.decode()
    assert "delete_selected" not in page
    assert ended.token_hash not in page
    admin_client.post(where, {"action": "revoke", "_selected_action": [str(ended.pk)]})
    assert list(UserSession.objects.filter(user=user)) == [kept]
    shown = admin_client.get(address("accounts.usersession", "change", kept.pk))
    assert shown.status_code == 200
    assert kept.token_hash not in shown.content.decode()


def test_a_user_is_deleted_with_their_sessions(admin_client: Client) -> None:
    user = User.objects.create_user("li", PASSWORD)
    _token(user)
    where = address("accounts.user", "delete", user.pk)
    assert admin_client.post(where, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="li").exists()
    assert not UserSession.objects.filter(user_id=user.pk).exists()


def _token(user: User) -> UserSession:
    from accounts.facts import RequestFacts  # noqa: PLC0415 - used here alone

    return token_create(user=user, facts=RequestFacts(None, "curl"), days=1, name="t")[
        0
    ]
