"""Where the pages of operations are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from monitoring.schedules.services import schedules_seed
from monitoring.schedules.words import PURPOSES
from tests.monitoring.asking import person

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

ADDRESSES = ("/system/", "/system/database/", "/system/partitions/", "/system/backups/")
IN_THE_ADMIN = (
    "/admin/monitoring/errorlog/",
    "/admin/django_celery_beat/periodictask/",
    "/admin/monitoring/processheartbeat/",
)


def tabs_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    _before, found, rest = response.content.decode().partition('class="section-tabs"')
    return rest.partition("</nav>")[0] if found else ""


def test_every_page_of_operations_leads_to_every_other(admin_client: Client) -> None:
    for here in (*ADDRESSES, *IN_THE_ADMIN):
        tabs = tabs_of(admin_client, here)
        for address in (*ADDRESSES, *IN_THE_ADMIN):
            assert f'href="{address}"' in tabs, (here, address)
        assert f'href="{here}" aria-current="page"' in tabs
        assert tabs.count("aria-current") == 1


def test_the_index_of_the_admin_leads_there_too(admin_client: Client) -> None:
    tabs = tabs_of(admin_client, "/admin/")
    assert all(f'href="{address}"' in tabs for address in ADDRESSES)


def test_everything_that_runs_by_itself_says_what_it_is_for(
    admin_client: Client,
) -> None:
    schedules_seed()
    assert settings.CELERY_BEAT_SCHEDULE.keys() == PURPOSES.keys()
    admin_client.cookies["django_language"] = "en"
    page = admin_client.get("/admin/django_celery_beat/periodictask/").content.decode()
    assert str(PURPOSES["rotate partitions"]) in page
    assert "86400 (1 d)" in page


def test_staff_without_rights_have_no_tab_into_the_admin(client: Client) -> None:
    client.force_login(person("mei"))
    tabs = tabs_of(client, "/system/")
    assert 'href="/system/backups/"' in tabs
    assert "/admin/" not in tabs


def test_other_people_have_the_one_page_and_no_tabs(client: Client) -> None:
    client.force_login(person("jo", staff=False))
    assert tabs_of(client, "/system/") == ""
    page = client.get("/system/").content.decode()
    assert '<a href="/system/" aria-current="page">Status</a>' in page
    assert 'href="/system/backups/"' not in page
    client.force_login(person("mei"))
    page = client.get("/system/backups/").content.decode()
    assert '<a href="/system/backups/" aria-current="page">Backups</a>' in page
