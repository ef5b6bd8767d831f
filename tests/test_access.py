"""Every page, address of the API, page of the admin and WebSocket has a rule.

And a viewer changes nothing through any of them: proved by real requests.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from channels.routing import URLRouter
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.permissions import AllowAny
from rest_framework.test import APIClient

from accounts.facts import RequestFacts
from accounts.models import User
from accounts.permissions import CanAdminister, CanOperate, CanRead, CanWrite
from accounts.roles import ADMINISTRATOR_ONLY, Role, allows, role_needed, role_of
from accounts.scopes import Scope
from accounts.services import token_create
from btc_watcher.routing import websocket_router
from tests.websocket import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

METHODS = ("POST", "PUT", "PATCH", "DELETE")
SAMPLES = {
    "int": "1",
    "slug": "signals",
    "str": "2026.1",
    "uuid": "00000000-0000-8000-8000-000000000001",
    "path": "x",
}
# Pages of others' making, and why they need no rule of ours.
NOT_OURS = {
    "set_language": "stores the language in a cookie",
}
# One's own account and one's own notes, and the description of the API.
OF_ONESELF = re.compile(r"^/api/v1/(auth/token/|me/|signals/[^/]+/choice/$|schema/$)")
# Programs without an account: each strategy's hook checks a signature or a secret.
BY_SECRET = re.compile(r"^/api/v1/hooks/")
CLASSES = (CanRead, CanWrite, CanOperate, CanAdminister)
REFUSED = {401, 403, 405}


class Address(NamedTuple):
    """One address with sample values in it, and the view behind it."""

    path: str
    callback: Any
    # Without the sample values.
    route: str = ""

    @property
    def is_api(self) -> bool:
        return hasattr(self.callback, "cls")

    @property
    def access(self) -> Any:
        return getattr(self.callback, "access", None)


def addresses(
    patterns: list[URLPattern | URLResolver], start: str = "/"
) -> Iterator[Address]:
    for pattern in patterns:
        path = start + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from addresses(pattern.url_patterns, path)
        else:
            filled = re.sub(r"<(\w+):\w+>", lambda found: SAMPLES[found[1]], path)
            yield Address(filled, pattern.callback, path)


ALL = sorted(addresses(get_resolver().url_patterns), key=lambda each: each.path)
PAGES = [
    each for each in ALL if not each.is_api and each.callback.__name__ not in NOT_OURS
]
API = [each for each in ALL if each.is_api]


def a_person(role: Role, name: str = "mei") -> User:
    user = User.objects.create_user(name, "x", language="en", timezone="UTC")
    user.groups.add(Group.objects.get(name=role.value))
    return user


@pytest.fixture
def viewer(db: None) -> User:
    return a_person(Role.VIEWER)


def test_there_are_addresses_of_each_kind() -> None:
    assert len(PAGES) > 60
    assert len(API) > 20


def test_every_page_has_a_rule_whose_permissions_exist() -> None:
    assert [page.path for page in PAGES if page.access is None] == []
    asked = {each for page in PAGES for each in page.access.permissions}
    every = Permission.objects.values_list("content_type__app_label", "codename")
    assert asked - {f"{app}.{codename}" for app, codename in every} == set()


def test_every_address_of_the_api_has_a_rule() -> None:
    without = []
    for address in API:
        view = address.callback.cls(**address.callback.initkwargs)
        view.request = None
        classes = [type(each) for each in view.get_permissions()]
        reads_only = not set(METHODS) & set(view.allowed_methods)
        ruled = any(issubclass(each, CLASSES) for each in classes)
        if not ruled and not (reads_only and AllowAny not in classes):
            without.append(address.path)
    known = (OF_ONESELF, BY_SECRET)
    assert [
        path for path in without if not any(each.match(path) for each in known)
    ] == []


def test_without_a_login_a_page_leads_to_the_login(client: Client) -> None:
    wrong = []
    for page in PAGES:
        if page.access.who == "anyone":
            continue
        for answer in (client.get(page.path), client.post(page.path)):
            where = answer.headers.get("Location", "/login/?next=")
            to_login = where.startswith("/login/?next=")
            if answer.status_code not in {302, 405} or not to_login:
                wrong.append((page.path, answer.status_code, where))
    assert wrong == []


def changed(client: Any, paths: list[str], **body: Any) -> list[Any]:
    """Send every changing method to ``paths``; return what was not refused, or wrote."""
    found: list[Any] = []
    for path in paths:
        for method in METHODS:
            with CaptureQueriesContext(connection) as queries:
                answer = client.generic(method, path, **body)
            if answer.status_code not in REFUSED or writes(queries):
                found.append((method, path, answer.status_code, writes(queries)))
    return found


def test_a_viewer_changes_nothing_through_a_page(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    client.get("/profile/")
    paths = [page.path for page in PAGES if page.access.who not in {"anyone", "own"}]
    assert changed(client, paths) == []


JSON = {"data": "{}", "content_type": "application/json"}


@pytest.mark.parametrize("way", ["page", "token"])
def test_a_viewer_changes_nothing_through_the_api(
    viewer: User, way: str, settings: Settings
) -> None:
    settings.API_CHANGES_PER_MINUTE = 0
    api = APIClient()
    if way == "page":
        api.force_login(viewer)
        api.get("/profile/")
    else:
        facts = RequestFacts(None, "")
        _row, token = token_create(user=viewer, facts=facts, days=1)
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        api.get("/api/v1/signals/")
    paths = [each.path for each in API if not OF_ONESELF.match(each.path)]
    assert changed(api, paths, **JSON) == []


def test_a_token_that_only_reads_changes_nothing_even_of_an_administrator(
    admin_user: User, settings: Settings
) -> None:
    settings.API_CHANGES_PER_MINUTE = 0
    facts = RequestFacts(None, "")
    scopes = [Scope.READ]
    _row, token = token_create(user=admin_user, facts=facts, days=1, scopes=scopes)
    api = APIClient(headers={"Authorization": f"Bearer {token}"})
    api.get("/api/v1/signals/")
    paths = [each.path for each in API if not each.path.startswith("/api/v1/auth/")]
    assert changed(api, paths, **JSON) == []


REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_a_viewer_changes_nothing_through_the_admin(
    client: Client, viewer: User, model: Any
) -> None:
    User.objects.filter(pk=viewer.pk).update(is_staff=True)
    client.force_login(viewer)
    client.get("/profile/")
    options = model._meta
    name = f"admin:{options.app_label}_{options.model_name}"
    actions = admin.site._registry[model].actions or ()
    chosen = [
        {"action": getattr(each, "__name__", each), "_selected_action": ["1"]}
        for each in (*actions, "delete_selected")
    ]
    asked = [(reverse(f"{name}_changelist"), body) for body in chosen]
    asked.append((reverse(f"{name}_add"), {}))
    asked += [
        (reverse(f"{name}_{page}", args=["1"]), {"post": "yes"})
        for page in ("change", "delete")
    ]
    for path, body in asked:
        with CaptureQueriesContext(connection) as queries:
            answer = client.post(path, body)
        # A list is shown again without the action; an unknown row leads back.
        assert answer.status_code in {200, 302, 403, 404}
        assert writes(queries) == [], path


def writes(queries: Any) -> list[str]:
    """Return the statements that write, but for what only the asking itself leaves."""
    found = [query["sql"] for query in queries.captured_queries]
    return [
        sql
        for sql in found
        if re.match(r"\s*(INSERT|UPDATE|DELETE|WITH)\b", sql)
        and not re.search(r"django_session|user_sessions", sql)
    ]


def sockets(router: Any, start: str = "/") -> Iterator[str]:
    for route in router.routes:
        path = start + str(route.pattern)
        if isinstance(route.callback, URLRouter):
            yield from sockets(route.callback, path)
        else:
            yield re.sub(r"<(\w+):\w+>", lambda found: SAMPLES[found[1]], path)


SOCKETS = list(sockets(websocket_router))


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.django_db(transaction=True)
async def test_every_websocket_hangs_up_on_strangers_and_on_tokens_that_may_not_read(
    path: str,
) -> None:
    from asgiref.sync import sync_to_async  # noqa: PLC0415
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415

    user = await User.objects.acreate(username="mei", is_superuser=True)
    row, _token = await sync_to_async(token_create)(
        user=user, facts=RequestFacts(None, ""), days=1, scopes=[Scope.WRITE]
    )
    for scope in (
        {"user": AnonymousUser(), "token": None},
        {"user": user, "token": row},
    ):
        page = Page(websocket_router, path, session={}, **scope)
        await page.connect()
        assert await page.close_code() == 4401


def test_roles_are_groups_with_permissions_and_each_has_what_the_lower_one_has() -> (
    None
):
    held = {
        role: set(
            Group.objects.get(name=role.value).permissions.values_list(
                "content_type__app_label", "codename"
            )
        )
        for role in Role
    }
    assert held[Role.VIEWER] < held[Role.OPERATOR] < held[Role.ADMINISTRATOR]
    assert len(held[Role.ADMINISTRATOR]) == Permission.objects.count()
    assert all(code.startswith("view_") for _app, code in held[Role.VIEWER])
    for role, permissions in held.items():
        names = {f"{app}.{code}" for app, code in permissions}
        every = Permission.objects.values_list("content_type__app_label", "codename")
        assert names == {f"{a}.{c}" for a, c in every if allows(role, f"{a}.{c}")}


def test_an_operator_may_whatever_a_page_asks_for_but_what_is_an_administrator_s() -> (
    None
):
    asked = {each for page in PAGES for each in page.access.permissions}
    kept = {each for each in asked if role_needed(each) is Role.ADMINISTRATOR}
    assert kept == (ADMINISTRATOR_ONLY & asked) | {"accounts.administer"}
    assert {"strategies.change_strategy", "proxies.add_proxy"} <= asked - kept


@pytest.mark.parametrize("role", Role)
def test_the_role_of_a_person_is_that_of_the_group(role: Role) -> None:
    assert role_of(a_person(role)) is role


def test_who_has_no_group_reads_and_a_superuser_administers(admin_user: User) -> None:
    assert role_of(User.objects.create_user("li")) is Role.VIEWER
    assert role_of(admin_user) is Role.ADMINISTRATOR


@pytest.mark.parametrize(
    ("path", "status"),
    [("/audit/", 403), ("/proxies/new/", 200), ("/system/database/", 403)],
)
def test_what_an_operator_sees_goes_by_the_role(
    client: Client, path: str, status: int
) -> None:
    client.force_login(a_person(Role.OPERATOR))
    assert client.get(path).status_code == status


def test_a_refusal_says_which_role_it_takes(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    answer = client.get("/proxies/new/")
    text = "This is for the role Operator; yours is Viewer."
    assert (answer.status_code, text in answer.content.decode()) == (403, True)
    told = APIClient(headers={"accept-language": "en"})
    told.force_login(viewer)
    assert told.post("/api/v1/proxies/", {}, format="json").json()["detail"] == text


def test_a_single_permission_makes_nobody_an_administrator(client: Client) -> None:
    operator = a_person(Role.OPERATOR)
    operator.is_staff = True
    operator.save()
    codes = ["change_user", "view_user", "add_user", "delete_user", "change_group"]
    operator.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client.force_login(operator)
    body = {
        "username": "mei",
        "language": "en",
        "timezone": "UTC",
        "preferences": "{}",
        "role": "administrator",
        "is_active": "on",
    }
    where = reverse("admin:accounts_user_change", args=[operator.pk])
    assert client.post(where, body).status_code == 403
    group = Group.objects.create(name="more")
    where = reverse("admin:auth_group_change", args=[group.pk])
    assert client.post(where, {"name": "more"}).status_code == 403
    assert role_of(User.objects.get(pk=operator.pk)) is Role.OPERATOR


def test_an_administrator_s_groups_of_roles_are_not_edited(
    admin_client: Client,
) -> None:
    for role in Role:
        group = Group.objects.get(name=role.value)
        for page in ("change", "delete"):
            where = reverse(f"admin:auth_group_{page}", args=[group.pk])
            answer = admin_client.post(where, {"name": "x", "post": "yes"})
            assert answer.status_code == 403
    own = Group.objects.create(name="more")
    where = reverse("admin:auth_group_change", args=[own.pk])
    assert admin_client.post(where, {"name": "even more"}).status_code == 302
