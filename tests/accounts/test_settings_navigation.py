"""The navigation: short, with the page marked that is open, by role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group
from django.urls import resolve

from accounts.models import User
from accounts.navigation import Group as Links
from accounts.navigation import navigation
from accounts.people import role_set
from accounts.roles import Role

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def a_person(role: Role) -> User:
    user = User.objects.create_user("jo", "x", language="en", timezone="UTC")
    user.groups.add(Group.objects.get(name=role.value))
    role_set(user=user, role=role)
    return User.objects.get(pk=user.pk)


def system_of(user: User, path: str = "/") -> Links:
    last = navigation(user, path)[-1]
    assert isinstance(last, Links)
    return last


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/", "Live signals"),
        ("/dashboard/", "Dashboard"),
        ("/signals/", "History"),
        ("/signals/00000000-0000-8000-8000-000000000001/", "History"),
        ("/outcomes/signals/", "Outcomes"),
        ("/strategies/3/", "Strategies"),
        ("/notifications/channels/", "Notifications"),
        ("/system/", "Status"),
        ("/system/backups/make/", "Backups"),
        ("/freqtrade/", "freqtrade"),
        ("/proxies/3/", "Proxies"),
        ("/audit/", "Audit"),
        ("/api/", "Try the API"),
        ("/notifications/inbox/", "Inbox"),
        ("/settings/", None),
    ],
)
def test_one_entry_is_marked_and_its_group_with_it(
    path: str, label: str | None
) -> None:
    entries = navigation(a_person(Role.ADMINISTRATOR), path)
    links = [
        link
        for entry in entries
        for link in (entry.links if isinstance(entry, Links) else (entry,))
    ]
    assert [link.label for link in links if link.active] == [label] * bool(label)
    group = entries[-1]
    assert isinstance(group, Links)
    assert group.active == any(link.active for link in group.links)


@pytest.mark.parametrize("role", list(Role))
def test_nobody_is_led_to_a_page_that_refuses_them(client: Client, role: Role) -> None:
    user = a_person(role)
    client.force_login(user)
    for entry in navigation(user, "/"):
        for link in entry.links if isinstance(entry, Links) else (entry,):
            resolve(link.url)
            assert client.get(link.url).status_code == 200, link


def test_the_inbox_is_there_in_the_demonstration_alone(settings: object) -> None:
    user = a_person(Role.VIEWER)
    assert "Inbox" in [link.label for link in system_of(user).links]
    settings.DEMO = False  # type: ignore[attr-defined]
    assert "Inbox" not in [link.label for link in system_of(user).links]


def test_the_page_marks_group_and_link(client: Client) -> None:
    client.force_login(a_person(Role.VIEWER))
    page = client.get("/proxies/").content.decode()
    assert '<summary aria-current="true">System' in page
    assert '<a href="/proxies/" aria-current="page">Proxies</a>' in page
    assert '<a href="/">Live signals</a>' in page
