"""Backups of the tests' own PostgreSQL and Valkey: made, tried, restored."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from django.core.management import CommandError
from psycopg import sql

from monitoring.backups.services import backup_make, backup_restore, backup_try
from monitoring.backups.shapes import State
from tests.monitoring.backups.conftest import (
    PARTITION,
    as_setting,
    counts,
    databases,
    drop,
    scratches,
)
from tests.monitoring.backups.looking import alerts, file_of, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis
    from pytest_django import Settings

    from monitoring.backups.servers import Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("folder"),
]

SECRET = "a-word-that-must-not-be-readable"


@pytest.mark.parametrize("sealed", [False, True])
def test_a_backup_is_made_and_restored_on_trial(
    rows: int,
    server: Server,
    settings: Settings,
    redis_client: redis.Redis,
    sealed: bool,
) -> None:
    redis_client.set("kept", SECRET)
    settings.BACKUP_ENCRYPT = sealed
    backup = backup_make()
    assert backup.state is State.GOOD, backup.error
    assert backup.manifest is not None
    assert backup.trial is not None
    assert backup.manifest.tables[f"public.{PARTITION}"] == rows // 3
    assert backup.manifest.tables == counts(server)
    assert backup.trial.rows == backup.manifest.rows >= rows
    assert scratches(server) == []
    snapshot = file_of(backup, "redis").read_bytes()
    # It holds keys of sessions, so it is sealed whatever the setting says.
    assert SECRET.encode() not in snapshot
    assert ("sealed" in file_of(backup).name) is sealed
    assert alerts() == {}


def test_nobody_else_may_read_a_backup(folder: Path, rows: int) -> None:
    backup = backup_make(trial=False)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in backup.path.iterdir()} == {0o600}
    assert not [path for path in folder.iterdir() if path.name.startswith(".part-")]


def test_rows_written_while_it_is_made_do_not_confuse_the_counts(
    rows: int, server: Server
) -> None:
    with contextlib.closing(server.connect()) as writer:

        def write_more(_title: str, _detail: str) -> None:
            writer.execute(
                "INSERT INTO proxy_test_history (test_time, success)"
                " SELECT '2026-11-07', false FROM generate_series(1, 50)"
            )

        backup = backup_make(say=write_more)
    assert backup.state is State.GOOD, backup.error
    assert sum(counts(server).values()) > backup.manifest.rows  # type: ignore[union-attr]


def test_the_database_is_destroyed_and_restored_with_equal_counts(
    rows: int, server: Server, other: str, settings: Settings
) -> None:
    backup_restore(backup_make(trial=False).name, into=other)
    settings.BACKUP_DATABASE = as_setting(server, other)
    backup = backup_make()
    before = counts(server, other)
    with contextlib.closing(server.maintenance()) as maintenance:
        drop(maintenance, other)
    restored = backup_restore(backup.name)
    assert restored.database == other
    assert restored.aside == ""
    assert counts(server, other) == before
    assert restored.rows == sum(before.values())


def test_a_live_database_is_replaced_only_when_asked_twice_and_kept_aside(
    rows: int, server: Server, other: str, settings: Settings
) -> None:
    backup_restore(backup_make(trial=False).name, into=other)
    settings.BACKUP_DATABASE = as_setting(server, other)
    backup = backup_make(trial=False)
    with pytest.raises(CommandError, match="--yes-really"):
        run("restore", backup.name)
    before = counts(server, other)
    with contextlib.closing(server.connect(other)) as user:
        user.execute("DELETE FROM proxy_test_history WHERE id % 2 = 0")
        damaged = counts(server, other)
        assert "as it was saved" in run("restore", str(file_of(backup)), "--yes-really")
        with pytest.raises(psycopg.OperationalError):
            user.execute("SELECT 1")
    assert counts(server, other) == before
    (aside,) = databases(server, f"{other}_before_")
    assert counts(server, aside) == damaged


def test_a_restore_into_a_new_name_leaves_the_live_one_alone(
    rows: int, server: Server, other: str
) -> None:
    backup = backup_make(trial=False)
    assert backup.manifest is not None
    before, live = backup.manifest.tables, counts(server)
    text = run("restore", str(backup.path), "--into", other)
    assert text.splitlines()[-1].startswith(f"{other}: {sum(before.values()):,} rows")
    assert counts(server, other) == before
    assert counts(server) == live
    with pytest.raises(CommandError, match="a database with"):
        run("restore", str(backup.path), "--into", other)


def test_no_password_is_in_any_command_line_or_file(
    rows: int, server: Server, folder: Path
) -> None:
    seen: list[list[str]] = []

    def look(_title: str, _detail: str) -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                seen.append(process.cmdline())

    backup_make(say=look)
    assert any("pg_dump" in " ".join(line) for line in seen)
    password = server.parameters["password"]
    assert not [line for line in seen if password in " ".join(line)]
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not [text for text in texts if password.encode() in text]


@pytest.fixture
def reader(server: Server, other: str) -> Iterator[str]:
    """A role that may read every table and make nothing; its password is its name."""
    name = f"{other}_reader"
    role = sql.Identifier(name)
    rights = "ON ALL TABLES IN SCHEMA public", "ON ALL SEQUENCES IN SCHEMA public"
    with contextlib.closing(server.connect()) as owner:
        make = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        owner.execute(make.format(role, sql.Literal(name)))
        for on in rights:
            owner.execute(sql.SQL(f"GRANT SELECT {on} TO {{}}").format(role))
        yield name
        for on in rights:
            owner.execute(sql.SQL(f"REVOKE ALL {on} FROM {{}}").format(role))
        for database in databases(server, other):
            with contextlib.closing(server.maintenance()) as maintenance:
                drop(maintenance, database)
        owner.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_role_that_may_make_no_database_is_told_what_it_lacks(
    rows: int, server: Server, settings: Settings, reader: str
) -> None:
    found = as_setting(server, server.database)
    settings.BACKUP_DATABASE = found | {"USER": reader, "PASSWORD": reader}
    backup = backup_make()
    assert backup.state is State.TRIAL_FAILED
    assert "CREATEDB" in backup.error
    # The files themselves are whole, and a role that may can show it.
    settings.BACKUP_DATABASE = {}
    assert backup_try(backup.name).state is State.GOOD
    assert alerts() == {}


def test_granted_rights_are_restored_where_the_roles_exist(
    rows: int, server: Server, other: str, reader: str
) -> None:
    backup = backup_make(trial=False)
    assert backup.manifest is not None
    assert reader in backup.manifest.roles
    backup_restore(backup.name, into=other)
    query = "SELECT has_table_privilege(%s, %s, 'SELECT')"
    with contextlib.closing(server.connect(other)) as restored:
        asked = restored.execute(query, [reader, PARTITION])
        assert asked.fetchone() == (True,)
