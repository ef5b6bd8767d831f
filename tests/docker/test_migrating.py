"""The database is brought up to date by one container at a time."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.docker.conftest import server_url
from tests.docker.programs import Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]


@pytest.fixture
def role(empty_database: str) -> Iterator[str]:
    """The name of a role that is gone after the test."""
    name = f"btcw_test_{secrets.token_hex(4)}"
    yield name
    with psycopg.connect(empty_database, autocommit=True) as connection:
        known = "SELECT FROM pg_roles WHERE rolname = %s"
        if connection.execute(known, [name]).fetchall():
            connection.execute(f"GRANT {name} TO CURRENT_USER")
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


def test_an_empty_database_gets_tables_and_the_role_that_programs_work_as(
    tmp_path: Path, empty_database: str, role: str
) -> None:
    password = tmp_path / "password"
    password.write_text("a-password-of-the-test\n", encoding="utf-8")
    words = ("--application", role, "--application-password", str(password))
    database = {"DATABASE_URL_FILE": "", "DATABASE_URL": empty_database}
    first = Program(tmp_path / "1", "migrate", *words, **database).start()
    second = Program(tmp_path / "2", "migrate", *words, **database).start()
    try:
        assert first.join(200) == 0, first.log()
        assert second.join(200) == 0, second.log()
    finally:
        first.stop()
        second.stop()
    assert "Another container migrates" in first.log() + second.log()
    _role_works(empty_database, role, "a-password-of-the-test")


def _role_works(database: str, role: str, password: str) -> None:
    parts = urlsplit(database)
    place = f"{parts.hostname}:{parts.port}{parts.path}"
    with psycopg.connect(f"postgres://{role}:{password}@{place}") as connection:
        assert connection.execute("SELECT count(*) FROM signals").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE signals")


def test_a_failed_migration_is_told_by_the_exit_code(
    tmp_path: Path, empty_database: str
) -> None:
    name = urlsplit(empty_database).path.removeprefix("/")
    with psycopg.connect(server_url("postgres"), autocommit=True) as connection:
        connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = on"
        )
    program = Program(
        tmp_path, "migrate", DATABASE_URL_FILE="", DATABASE_URL=empty_database
    ).start()
    try:
        assert program.join(120) == 1, program.log()
        assert "read-only" in program.log()
    finally:
        program.stop()
