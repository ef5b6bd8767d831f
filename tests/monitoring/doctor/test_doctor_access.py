"""Who we are for the servers, as the doctor sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from django.db import connection

from monitoring.doctor.reach import is_near
from monitoring.roles.checks import Finding
from monitoring.roles.setup import roles_setup
from tests.monitoring.doctor.asking import doctor, execute, state
from tests.monitoring.roles.conftest import connected_as, role_drop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pytest_django import Settings

    AsApplication = Callable[[], AbstractContextManager[None]]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]
NAME = "btcw_doctor_app"


@pytest.fixture
def as_application() -> Iterator[AsApplication]:
    """A way to be the role that setup_roles makes."""
    done = roles_setup(application=NAME)
    yield lambda: connected_as(NAME, done.passwords[NAME])
    role_drop(NAME)


def test_the_application_role_is_in_order_and_the_owner_is_a_warning(
    as_application: AsApplication,
) -> None:
    found, fine = doctor("database.role")
    assert (fine, found["database.role"]["state"]) == (True, "warning")
    assert "setup_roles" in found["database.role"]["cure"]
    with as_application():
        found, fine = doctor("database.role")
    assert (fine, found["database.role"]["state"]) == (True, "ok")
    assert found["database.role"]["value"] == NAME


def test_a_superuser_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    facts: dict[str, Any] = {"role": "postgres", "powers": ["superuser"]}
    found = Finding("warning", "said", "cure", facts)
    monkeypatch.setattr("monitoring.doctor.access.role_state", lambda: found)
    assert state("database.role") == "failed"


@pytest.mark.parametrize(
    ("given", "encrypted", "near", "wanted"),
    [
        ("warning", False, False, "failed"),
        ("warning", False, True, "warning"),
        ("warning", True, False, "warning"),
        ("warning", True, True, "warning"),
        ("ok", True, False, "ok"),
    ],
)
def test_a_way_over_the_network_has_to_be_encrypted_and_proven(
    given: str,
    encrypted: bool,
    near: bool,
    wanted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = {"sslmode": "require", "encrypted": encrypted}
    found = Finding(given, "said", "" if given == "ok" else "verify-full", facts)
    monkeypatch.setattr("monitoring.doctor.access.tls_state", lambda: found)
    monkeypatch.setattr("monitoring.doctor.access.database_is_near", lambda: near)
    told, fine = doctor("database.tls")
    assert told["database.tls"]["state"] == wanted
    assert fine is (wanted != "failed")
    assert ("verify-full" in told["database.tls"]["cure"]) is (wanted != "ok")


@pytest.mark.parametrize(
    ("host", "address", "near"),
    [
        # A container's name in its own network, whatever address that has.
        ("postgres", "172.18.0.3", True),
        ("postgres", "2a01:4f8::3", True),
        ("postgres", "", True),
        ("10.0.0.7", "10.0.0.7", True),
        ("postgres.default.svc", "10.42.0.9", True),
        ("db.example.org", "100.64.0.4", True),
        ("fd00::7", "fd00::7", True),
        ("fe80::7", "fe80::7%eth0", True),
        ("db.example.org", "8.8.8.8", False),
        ("8.8.8.8", "8.8.8.8", False),
        ("2a01:4f8::3", "2a01:4f8::3", False),
        ("db.example.org", "", False),
        ("one,two.example.org", "8.8.8.8", False),
    ],
)
def test_how_far_a_connection_goes_is_told_by_name_and_address(
    host: str, address: str, near: bool
) -> None:
    assert is_near(host, address) is near


def test_without_the_right_to_see_statistics_the_statement_for_it_is_said(
    as_application: AsApplication,
) -> None:
    ((owner_sees,),) = _rows(
        "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
    )
    if owner_sees:
        execute(f"REVOKE pg_read_all_stats FROM {NAME}")
    with as_application():
        found, fine = doctor("database.statements")
    assert fine
    assert found["database.statements"]["state"] == "warning"
    assert f"GRANT pg_read_all_stats TO {NAME}" in found["database.statements"]["cure"]


def test_backups_need_a_role_that_may_make_databases(
    as_application: AsApplication, settings: Settings, home: Path
) -> None:
    given = connection.settings_dict
    owner = {key: given[key] for key in ("HOST", "PORT", "USER", "PASSWORD", "NAME")}
    assert state("backups.role") == "ok"
    with as_application():
        found, fine = doctor("backups.role")
        assert (fine, found["backups.role"]["state"]) == (True, "warning")
        assert "BTCW_BACKUP_DATABASE_URL" in found["backups.role"]["cure"]
        settings.BACKUP_DATABASE = owner
        assert state("backups.role") == "ok"
        # A wrong password is told, and not repeated.
        settings.BACKUP_DATABASE = owner | {"PASSWORD": "my-wrong-word"}
        found, fine = doctor("backups.role")
    assert not fine
    assert "my-wrong-word" not in json.dumps(found)
    assert quote(str(owner["PASSWORD"])) not in json.dumps(found)


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
