"""Releases and their history in the admin: read, and asked for changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from tests.freqtrade_mgmt.version_world import (
    NEW,
    NEXT,
    OLD,
    installed,
    operation,
    release,
)

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
VERSIONS = "admin:freqtrade_mgmt_freqtradeversion_changelist"
UPGRADES = "admin:freqtrade_mgmt_freqtradeupgrade_changelist"


@pytest.fixture
def browser(admin_client: Client, tmp_path: Path, settings: Any) -> Client:
    settings.BTCW_HOME = tmp_path
    installed(tmp_path, OLD)
    installed(tmp_path, NEW)
    admin_client.cookies["django_language"] = "en"
    return admin_client


def act(browser: Client, where: str, action: str, *chosen: Any) -> str:
    """Choose an action in a list, say yes and return the page that follows."""
    body = {"action": action, "_selected_action": [str(row.pk) for row in chosen]}
    page = browser.post(
        reverse(where), body | {"index": "0", "confirmed": "yes"}, follow=True
    )
    return page.content.decode()


def test_what_was_measured_is_in_the_list(browser: Client) -> None:
    page = browser.get(reverse(VERSIONS)).content.decode()
    assert "&gt;=3.11" in page
    assert "318" in page


def test_chosen_releases_are_installed_and_refusals_are_told(browser: Client) -> None:
    new, unfit = release(NEXT), release("2026.11", python=">=9.9")
    page = act(browser, VERSIONS, "install", new, unfit)
    assert "1 release is going to be installed." in page
    assert "asks for Python &gt;=9.9" in page
    asked = FreqtradeUpgrade.objects.get()
    assert (asked.to_version, asked.user.username) == (NEXT, "admin")  # type: ignore[union-attr]


def test_a_release_is_uninstalled_unless_it_is_needed(browser: Client) -> None:
    rows = FreqtradeVersion.objects.all()
    page = act(browser, VERSIONS, "uninstall", *rows)
    assert "It is the current version; upgrade or downgrade" in page
    kept = FreqtradeVersion.objects.filter(is_installed=True)
    assert list(kept.values_list("version", flat=True)) == [OLD]


def test_the_list_is_refreshed_without_choosing_a_row(
    browser: Client, redis_client: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        act(browser, VERSIONS, "refresh")
    assert redis_client.llen("queue:default") == 1


def test_an_upgrade_is_rolled_back_or_says_why_not(browser: Client) -> None:
    done = operation(
        "upgrade", "completed", NEW, from_version=OLD, completed_at=timezone.now()
    )
    other = operation("install", "completed")
    page = act(browser, UPGRADES, "roll_back", done, other)
    assert "1 operation is rolled back." in page
    assert "There is no upgrade or downgrade with the number" in page
    done.refresh_from_db()
    assert done.status == "in_progress"
    assert f'href="/freqtrade/operations/{done.pk}/"' in page


def test_a_check_is_not_called_an_upgrade(browser: Client) -> None:
    row = operation("upgrade", "completed", NEW, from_version=OLD)
    row.migration_log["only_check"] = True
    row.save()
    page = browser.get(reverse(UPGRADES)).content.decode()
    assert "check of the strategies" in page


def test_whoever_may_only_look_has_no_actions(client: Client) -> None:
    person = User.objects.create_user("viewer", is_staff=True)
    for name in ("view_freqtradeversion", "view_freqtradeupgrade"):
        person.user_permissions.add(Permission.objects.get(codename=name))
    client.force_login(person)
    row = release(NEXT)
    act(client, VERSIONS, "install", row)
    assert not FreqtradeUpgrade.objects.exists()
    assert client.get(reverse(UPGRADES)).status_code == 200
