"""Who sees what of the system: nobody without a login, and staff what they were given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from monitoring.models import ErrorLog
from monitoring.schedules.services import schedules_seed
from monitoring.urls import urlpatterns

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True)]
OPEN = {"health", "live", "ready", "metrics"}
PAGES = sorted(
    str(each.name)
    for each in urlpatterns
    if each.name not in OPEN and not each.pattern.converters
)
LISTS = (
    "admin:monitoring_errorlog_changelist",
    "admin:monitoring_processheartbeat_changelist",
    "admin:django_celery_beat_periodictask_changelist",
)
WORDS = {"ok", "idle", "unavailable", "absent", "warning", "failed", "timeout"}


@pytest.mark.parametrize("name", PAGES)
def test_without_a_login_no_page_of_the_system_is_shown(
    client: Client, name: str
) -> None:
    for answer in (
        client.get(reverse(f"monitoring:{name}")),
        client.post(reverse(f"monitoring:{name}")),
    ):
        # To the login, or not allowed at all.
        assert answer.status_code in (302, 403, 405)
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith("/login")


@pytest.mark.usefixtures("redis_client")
@pytest.mark.parametrize("name", ["health", "ready"])
def test_health_tells_strangers_single_words(
    client: Client, settings: Settings, name: str
) -> None:
    answer = client.get(reverse(f"monitoring:{name}"))
    assert set(json.loads(answer.content).values()) <= WORDS
    told = answer.content.decode() + str(answer.headers)
    for fact in (settings.NODE_NAME, "postgres", "127.0.0.1", "Server"):
        assert fact not in told


def staff(*codes: str) -> User:
    user = User.objects.create_user("mei", password="x", is_staff=True, language="en")
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return user


@pytest.mark.parametrize("name", LISTS)
def test_staff_without_leave_see_none_of_the_lists(client: Client, name: str) -> None:
    client.force_login(staff())
    assert client.get(reverse(name)).status_code == 403


def test_who_may_only_look_at_errors_resolves_none(client: Client) -> None:
    row = ErrorLog.objects.create(
        level="ERROR", component="x", message="boom", timestamp=timezone.now()
    )
    client.force_login(staff("view_errorlog"))
    data = {"action": "resolve", "_selected_action": [row.pk]}
    assert "boom" in client.get(reverse(LISTS[0])).content.decode()
    client.post(reverse(LISTS[0]), data)
    row.refresh_from_db()
    assert not row.resolved


def test_who_may_only_look_at_the_schedule_changes_nothing(client: Client) -> None:
    schedules_seed()
    client.force_login(staff("view_periodictask"))
    assert client.get(reverse(LISTS[2])).status_code == 200
    page = reverse("admin:django_celery_beat_periodictask_changelist")
    first = client.get(page).context["cl"].result_list[0]
    address = reverse("admin:django_celery_beat_periodictask_change", args=[first.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"seconds": 60}).status_code == 403
