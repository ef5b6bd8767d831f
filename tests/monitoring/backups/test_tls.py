"""Backups of a server that is reached through TLS alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from monitoring.backups import tools
from monitoring.backups.services import backup_make
from monitoring.backups.shapes import BackupError, State
from monitoring.backups.tools import UNDERSTOOD, tls_wanted, tools_for, tools_found
from tests.monitoring.tls import NAME, TlsServer, tls_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis
    from pytest_django import Settings

DATABASE = "saved"
# As many as the fixture makes.
ROWS = 1000


@pytest.fixture
def encrypted(settings: Settings) -> Iterator[TlsServer]:
    """A server that turns away whoever comes without TLS, with rows to be saved."""
    with tls_server(only=True) as server:
        with psycopg.connect(**server.parameters("verify-full"), autocommit=True) as it:
            it.execute(f"CREATE DATABASE {DATABASE}")
        there = server.parameters("verify-full") | {"dbname": DATABASE}
        with psycopg.connect(**there) as it:
            it.execute(
                "CREATE TABLE kept AS"
                " SELECT n, md5(n::text) AS word FROM generate_series(1, 1000) n"
            )
        settings.BACKUP_DATABASE = {
            "HOST": NAME,
            "PORT": server.port,
            "USER": "postgres",
            "NAME": DATABASE,
            "OPTIONS": {
                "hostaddr": "127.0.0.1",
                "sslmode": "verify-full",
                "sslrootcert": str(server.root),
            },
        }
        yield server


@pytest.fixture
def embedded_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away every pg_dump but the embedded server's."""
    monkeypatch.setattr(tools, "FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("folder", "redis_client")
@pytest.mark.parametrize("sealed", [False, True])
def test_a_server_that_proves_itself_is_saved_and_restored_on_trial(
    encrypted: TlsServer, settings: Settings, redis_client: redis.Redis, sealed: bool
) -> None:
    plain = encrypted.parameters("disable")
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(**plain)
    settings.BACKUP_ENCRYPT = sealed
    backup = backup_make()
    assert backup.state is State.GOOD, backup.error
    assert backup.manifest is not None
    assert backup.trial is not None
    assert backup.manifest.tables == {"public.kept": ROWS}
    assert backup.trial.rows == ROWS


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("folder", "redis_client", "embedded_alone")
def test_without_tools_that_know_tls_the_package_is_named(encrypted: TlsServer) -> None:
    with pytest.raises(BackupError) as error:
        backup_make()
    words = error.value.message
    assert "wants TLS (verify-full)" in words
    assert "without TLS" in words
    major = encrypted.programs.parent.name
    assert f"postgresql-client-{major}" in words


@pytest.mark.usefixtures("embedded_alone")
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_the_embedded_programs_count_only_where_tls_is_not_wanted(mode: str) -> None:
    assert [each.embedded for each in tools_found()] == [True]
    assert tools_for(17, {"sslmode": "prefer"}).embedded
    with pytest.raises(BackupError, match="postgresql-client-17"):
        tools_for(17, {"sslmode": mode})


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ({}, False),
        ({"sslmode": "disable"}, False),
        ({"sslmode": "prefer"}, False),
        ({"sslmode": "require"}, True),
        ({"sslmode": "prefer", "channel_binding": "require"}, True),
    ],
)
def test_what_a_connection_cannot_be_made_without(
    words: dict[str, str], wanted: bool
) -> None:
    assert tls_wanted(words) is wanted


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions 16 and 19 of the system with TLS, and the embedded 18 without."""
    monkeypatch.setattr(tools, "FOLDERS", (f"{tmp_path}/*/bin",))
    monkeypatch.setattr(
        tools, "_embedded_folder", lambda: tmp_path / "own" / "18" / "bin"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    for place, version in (("16", "16.4"), ("19", "19.1"), ("own/18", "18.1")):
        folder = tmp_path / place / "bin"
        folder.mkdir(parents=True)
        (folder / "pg_restore").touch()
        program = folder / "pg_dump"
        said = UNDERSTOOD if place != "own/18" else "SSL support is not compiled in"
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump {version}" && exit\n'
            f'echo "pg_dump: error: {said}" >&2; exit 1'
        )
        program.chmod(0o700)


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize(
    ("major", "mode", "taken"),
    [
        (15, "", 16),
        (16, "", 16),
        # Its own version, though the system's is at hand.
        (18, "", 18),
        (17, "", 19),
        (18, "require", 19),
        (19, "require", 19),
    ],
)
def test_of_several_programs_the_own_version_comes_first_and_then_the_systems(
    major: int, mode: str, taken: int
) -> None:
    assert tools_for(major, {"sslmode": mode}).major == taken
