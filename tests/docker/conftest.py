"""Databases that have no tables yet."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Iterator


def server_url(database: str) -> str:
    """Return the address of a database of the tests' server."""
    own = settings.DATABASES["default"]
    login = f"{own['USER']}:{quote(str(own['PASSWORD']))}"
    return f"postgres://{login}@{own['HOST']}:{own['PORT']}/{database}"


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a new database, which is dropped afterwards."""
    name = f"btcw_container_{secrets.token_hex(4)}"
    with psycopg.connect(server_url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield server_url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
