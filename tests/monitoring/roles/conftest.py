"""An application role beside the owner of the test database."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections

from monitoring.roles.setup import RolesDone, roles_setup
from tests.notifications.fakes import SmtpFake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

# Roles are the whole server's, which other processes of the tests use as well.
APPLICATION = f"btcw_test_app_{os.getpid()}"
OWNER = f"btcw_test_owner_{os.getpid()}"


def query(text: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, values or None)
        return [] if cursor.description is None else cursor.fetchall()


def role_drop(role: str) -> None:
    if query("SELECT FROM pg_roles WHERE rolname = %s", role):
        query(f"GRANT {role} TO CURRENT_USER")
        query(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        query(f"DROP OWNED BY {role}")
        query(f"DROP ROLE {role}")


@contextmanager
def connected_as(role: str, password: str) -> Iterator[None]:
    """Let Django, in every thread, be ``role`` for a while."""
    settings = connections.settings["default"]
    before = {key: settings[key] for key in ("USER", "PASSWORD")}
    connection.close()
    try:
        settings.update(USER=role, PASSWORD=password)
        connection.settings_dict.update(USER=role, PASSWORD=password)
        assert query("SELECT current_user") == [(role,)]
        yield
    finally:
        connection.close()
        settings.update(before)
        connection.settings_dict.update(before)


@pytest.fixture
def smtp() -> Iterator[SmtpFake]:
    """A mail server that takes everything."""
    fake = SmtpFake()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def roles(transactional_db: None) -> Iterator[RolesDone]:
    """The roles, made; gone after the test."""
    yield roles_setup(application=APPLICATION)
    role_drop(APPLICATION)


@pytest.fixture
def as_application(roles: RolesDone) -> Callable[[], AbstractContextManager[None]]:
    """Return a way to be the application role."""
    password = roles.passwords[APPLICATION]
    return lambda: connected_as(APPLICATION, password)
