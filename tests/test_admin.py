"""Every page of the admin opens for whom it should, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import RequestFactory
from django.urls import reverse

from accounts.models import User, UserSession
from accounts.people import role_set
from accounts.roles import PRIVATE_APPS, Role, role_of
from accounts.services import token_create
from tests.accounts.conftest import PASSWORD
from tests.admin_rows import one_of_each

if TYPE_CHECKING:
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
HANDLERS: dict[str, Any] = dict(REGISTERED)


# Models that people have no page for in the admin, and why.
UNREGISTERED = {
    "accounts.secondfactor": "one's own; the list of users takes it away",
    "admin.logentry": "the audit has it, and what was done elsewhere as well",
    "auth.permission": "made by migrations, given on a user's or a group's page",
    "contenttypes.contenttype": "a list of our own tables",
    "django_celery_beat.clockedschedule": "nothing of ours runs by it",
    "django_celery_beat.crontabschedule": "nothing of ours runs by it",
    "django_celery_beat.intervalschedule": "changed with its entry of the schedule",
    "django_celery_beat.periodictasks": "the moment of the last change, for beat",
    "django_celery_beat.solarschedule": "nothing of ours runs by it",
    "monitoring.scheduleseed": "shown as “at first” in the schedule",
    "notifications.notificationfanout": "lasts for the seconds of a burst",
    "sessions.session": "what a browser holds; logins are in sessions",
    "signals_app.outcomearrival": "lasts until the ledger's next round",
    "signals_app.outcomestale": "lasts until the sums are made anew",
}

# Rows that only their person and administrators see.
OWN = {"signals_app.savedfilter", "signals_app.signalchoice"}


@pytest.fixture
def rows(admin_user: User) -> tuple[dict[str, Any], list[str]]:
    return one_of_each(admin_user)


def address(label: str, page: str, *arguments: object) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=arguments)


def test_every_table_has_its_page_or_a_reason() -> None:
    managed = {model._meta.label_lower for model in apps.get_models()}
    assert managed - set(LABELS) == set(UNREGISTERED)


def person_of(role: Role, language: str) -> User:
    user = User.objects.create_user(
        f"{role} {language}", PASSWORD, language=language, timezone="Asia/Shanghai"
    )
    role_set(user=user, role=role)
    return user


def pages_of(label: str, key: Any) -> dict[str, str]:
    """Return the addresses of all pages of one table by their kind."""
    return {
        "changelist": address(label, "changelist"),
        "search": f"{address(label, 'changelist')}?q=x&p=2",
        "add": address(label, "add"),
        "change": address(label, "change", key),
        "history": address(label, "history", key),
        "delete": address(label, "delete", key),
    }


def expected(user: User, role: Role, label: str, kind: str) -> set[int]:
    """Return the statuses that somebody may get, by what the role may."""
    if role is Role.VIEWER:
        # The admin sends people away who do not work with it.
        return {302}
    if label.partition(".")[0] in PRIVATE_APPS and role is not Role.ADMINISTRATOR:
        return {403}
    request = RequestFactory().get("/")
    request.user = user
    handler = HANDLERS[label]
    questions = {
        "add": handler.has_add_permission,
        "delete": handler.has_delete_permission,
    }
    if not questions.get(kind, handler.has_view_permission)(request):
        return {403}
    if (
        label in OWN
        and role is not Role.ADMINISTRATOR
        and kind in {"change", "history"}
    ):
        # It is another person's, so to this one there is no such row.
        return {302}
    # There may be no second page, and a table may protect single rows.
    return {200} | {"search": {302}, "delete": {403}}.get(kind, set())


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("role", list(Role))
def test_every_page_answers_each_role_as_meant(
    client: Client, rows: tuple[dict[str, Any], list[str]], role: Role, language: str
) -> None:
    keys, hidden = rows
    assert set(keys) == set(LABELS)
    user = person_of(role, language)
    client.force_login(user)
    client.get("/profile/")
    user = User.objects.get(pk=user.pk)
    wrong = []
    for label in LABELS:
        for kind, path in pages_of(label, keys[label]).items():
            answer = client.get(path)
            if answer.status_code not in expected(user, role, label, kind):
                wrong.append((path, str(answer.status_code)))
            shown = answer.content.decode()
            wrong += [(path, text) for text in hidden if text in shown]
    assert wrong == []
    apps_shown = {label.partition(".")[0] for label in LABELS}
    for path in [reverse("admin:index")] + [
        reverse("admin:app_list", args=[app]) for app in apps_shown - PRIVATE_APPS
    ]:
        assert client.get(path).status_code == (302 if role is Role.VIEWER else 200)


def test_every_action_that_hurts_asks_first_and_says_for_whom(
    client: Client, rows: tuple[dict[str, Any], list[str]], admin_user: User
) -> None:
    keys, _hidden = rows
    client.force_login(admin_user)
    asked = set()
    for label, handler in HANDLERS.items():
        for name in handler.actions or ():
            body = {"action": name, "_selected_action": [str(keys[label])]}
            if not getattr(getattr(handler, name), "asks_first", False):
                continue
            before = handler.model._base_manager.values().get(pk=keys[label])
            page = client.post(address(label, "changelist"), body)
            assert page.status_code == 200, (label, name)
            text = page.content.decode()
            assert 'name="confirmed" value="yes"' in text
            assert f'name="_selected_action" value="{keys[label]}"' in text
            assert handler.model._base_manager.values().get(pk=keys[label]) == before
            asked.add(f"{label}.{name}")
    assert asked == {
        "accounts.user.end_sessions",
        "accounts.user.reset_factor",
        "accounts.usersession.revoke",
        "freqtrade_mgmt.freqtradeupgrade.roll_back",
        "freqtrade_mgmt.freqtradeversion.uninstall",
        "freqtrade_mgmt.supervisornode.drain",
        "proxies.proxy.disable",
        "strategies.strategy.restart",
        "strategies.strategy.stop",
    }


def test_histories_are_not_written_by_anybody(rf: Any, admin_user: User) -> None:
    request = rf.get("/")
    request.user = admin_user
    written = {
        "accounts.user",
        "accounts.usersession",
        "auth.group",
        "django_celery_beat.periodictask",
        "monitoring.errorlog",
        "monitoring.processheartbeat",
        "notifications.notificationchannel",
        "notifications.notificationsilence",
        "proxies.proxy",
        "strategies.strategy",
    }
    assert written == {
        label
        for label, handler in REGISTERED
        if handler.has_add_permission(request)
        or handler.has_change_permission(request)
        or handler.has_delete_permission(request)
    }


def test_whoever_may_only_view_sees_no_secret(
    client: Client, rows: tuple[dict[str, Any], list[str]]
) -> None:
    keys, hidden = rows
    user = User.objects.create_user("guest", PASSWORD, is_staff=True)
    views = Permission.objects.filter(codename__startswith="view_")
    user.user_permissions.set(views)
    client.force_login(user)
    for label in LABELS:
        answer = client.get(address(label, "change", keys[label]))
        assert answer.status_code == (302 if label in OWN else 200), label
        shown = answer.content.decode()
        assert [text for text in hidden if text in shown] == [], label


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
    body = {"action": "revoke", "_selected_action": [str(ended.pk)]}
    asked = admin_client.post(where, body, headers={"accept-language": "en"})
    assert "are logged out at once" in asked.content.decode()
    assert UserSession.objects.filter(pk=ended.pk).exists()
    admin_client.post(where, body | {"confirmed": "yes"})
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
