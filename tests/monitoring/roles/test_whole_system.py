"""The application role runs everything that the schedule names, and the signs of life."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.conf import settings as live_settings
from django.db import connection
from django.test import Client

from monitoring.heartbeats.models import ProcessHeartbeat
from monitoring.heartbeats.store import Identity, beat_write
from monitoring.roles.setup import RolesError, roles_setup
from tests.monitoring.roles.conftest import APPLICATION, OWNER, query, role_drop

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pytest_django import Settings

    AsApplication = Callable[[], AbstractContextManager[None]]

pytestmark = pytest.mark.django_db(transaction=True)

# It asks the package index, and tests reach nothing but loopback.
OUTSIDE = {"freqtrade_mgmt.tasks.refresh_releases"}
NAMED = {str(entry["task"]) for entry in live_settings.CELERY_BEAT_SCHEDULE.values()}
TASKS = sorted(NAMED - OUTSIDE)


def test_every_task_of_the_schedule_works_as_the_application_role(
    as_application: AsApplication,
    redis_client: Any,
    settings: Settings,
    tmp_path: Path,
) -> None:
    before = dict(connection.settings_dict)
    settings.BACKUP_FOLDER = str(tmp_path / "backups")
    # A trial makes a database, so backups have a role of their own.
    settings.BACKUP_DATABASE = before
    failed = {}
    current_app.loader.import_default_modules()
    with as_application():
        for name in TASKS:
            done = current_app.tasks[name].apply()
            if not done.successful():
                failed[name] = repr(done.result)
        assert query("SELECT current_user") == [(APPLICATION,)]
    assert failed == {}
    assert len(TASKS) > 15


def test_processes_say_that_they_live_as_the_application_role(
    as_application: AsApplication, redis_client: Any
) -> None:
    with as_application():
        beat_write(Identity("here", "web", "web", os.getpid(), 1.0), {"cpu": 1})
        assert ProcessHeartbeat.objects.count() == 1
        assert Client().get("/health/live").status_code == 200
        assert Client().get("/health/ready").status_code == 200
        assert Client().get("/health/").status_code in (200, 503)


def test_a_member_of_the_owner_or_of_a_mighty_role_is_not_taken_for_the_application() -> (
    None
):
    query(f"CREATE ROLE {OWNER}")
    query(f"CREATE ROLE {APPLICATION} IN ROLE {OWNER}")
    try:
        with pytest.raises(RolesError, match=f"is a member of '{OWNER}'"):
            roles_setup(application=APPLICATION, owner=OWNER)
        query(f"REVOKE {OWNER} FROM {APPLICATION}")
        done = roles_setup(application=APPLICATION, new_password=True)
        assert set(done.passwords) == {APPLICATION}
    finally:
        role_drop(APPLICATION)
        role_drop(OWNER)


def test_an_address_of_a_numbered_host_can_be_read_back(
    monkeypatch: pytest.MonkeyPatch, as_application: AsApplication
) -> None:
    done = roles_setup(application=APPLICATION, new_password=True)
    parameters = connection.get_connection_params() | {"host": "::1"}
    monkeypatch.setattr(connection, "get_connection_params", lambda: parameters)
    split = urlsplit(done.url(APPLICATION))
    assert (split.hostname, split.port) == ("::1", int(parameters["port"]))
