"""The list of errors in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone

from monitoring.models import ErrorLog

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
LIST = "admin:monitoring_errorlog_changelist"


def row() -> ErrorLog:
    return ErrorLog.objects.create(
        level="ERROR",
        component="proxies",
        message="boom\nsecond line",
        timestamp=timezone.now(),
        context={"fingerprint": "a", "count": 41},
    )


def act(client: Client, action: str, *rows: ErrorLog) -> None:
    data = {"action": action, "_selected_action": [each.pk for each in rows]}
    assert client.post(reverse(LIST), data).status_code == 302


def test_errors_are_listed_resolved_and_opened_again(admin_client: Client) -> None:
    error = row()
    page = admin_client.get(reverse(LIST)).content.decode()
    assert "boom" in page
    assert "41" in page
    act(admin_client, "resolve", error)
    error.refresh_from_db()
    assert error.resolved
    assert error.context["resolved_by"] == "admin"
    act(admin_client, "reopen", error)
    error.refresh_from_db()
    assert not error.resolved


def test_nothing_of_an_error_is_written_by_hand(admin_client: Client) -> None:
    error = row()
    address = reverse("admin:monitoring_errorlog_change", args=[error.pk])
    assert "second line" in admin_client.get(address).content.decode()
    admin_client.post(address, {"message": "other"})
    error.refresh_from_db()
    assert error.message.startswith("boom")
    assert admin_client.get(reverse("admin:monitoring_errorlog_add")).status_code == 403
