"""Backups of the tests' own PostgreSQL and Valkey: made, tried, listed, restored."""

from __future__ import annotations

import contextlib
import io
import json
import stat
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from psycopg import sql

from btc_watcher.lib.encryption import KeyRing
from monitoring.backups import files, store
from monitoring.backups.manifest import manifest_write
from monitoring.backups.selectors import backups_list, backups_rows, backups_summary
from monitoring.backups.services import (
    backup_make,
    backup_restore,
    backup_try,
    backups_watch,
)
from monitoring.backups.shapes import (
    Backup,
    BackupBusyError,
    BackupError,
    DamagedBackupError,
    State,
)
from monitoring.tasks import backup as backup_task
from monitoring.tasks import watch_backups
from notifications.models import Alert
from tests.monitoring.backups.conftest import (
    PARTITION,
    as_setting,
    counts,
    databases,
    drop,
    scratches,
)

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


def run(command: str, *arguments: str) -> str:
    output = io.StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


def alerts() -> dict[str, str]:
    return {a.key: a.title for a in Alert.objects.filter(resolved_at=None)}


def file_of(backup: Backup, start: str = "database") -> Path:
    return next(path for path in backup.path.iterdir() if path.name.startswith(start))


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.write_bytes(data)


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


@pytest.mark.parametrize("position", [0, 40, 5000, -3])
@pytest.mark.parametrize("sealed", [False, True])
def test_a_flipped_bit_is_found_and_never_restored(
    rows: int,
    server: Server,
    other: str,
    settings: Settings,
    position: int,
    sealed: bool,
) -> None:
    settings.BACKUP_ENCRYPT = sealed
    backup = backup_make(trial=False)
    flip(file_of(backup), position)
    with pytest.raises(DamagedBackupError, match="checksum"):
        backup_restore(backup.name, into=other)
    tried = backup_try(backup.name)
    assert tried.state is State.TRIAL_FAILED
    assert "checksum" in tried.error
    assert "backup:failed" in alerts()
    assert databases(server, other) == scratches(server) == []


def test_a_truncated_file_is_seen_at_once(rows: int, other: str) -> None:
    backup = backup_make(trial=False)
    path = file_of(backup)
    path.write_bytes(path.read_bytes()[:-1])
    (listed,) = backups_list()
    assert listed.state is State.DAMAGED
    with pytest.raises(BackupError, match="instead of"):
        backup_restore(backup.name, into=other)
    file_of(backup, "redis").unlink()
    path.write_bytes(path.read_bytes() + b"\0")
    assert backups_list()[0].state is State.DAMAGED


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "empty"])
def test_a_damaged_manifest_is_no_backup_but_is_listed(rows: int, damage: str) -> None:
    backup = backup_make(trial=False)
    path = backup.path / store.MANIFEST
    data = path.read_bytes()
    {
        "flip": lambda: flip(path, 200),
        "cut": lambda: path.write_bytes(data[:100]),
        "remove": path.unlink,
        "empty": lambda: path.write_bytes(b""),
    }[damage]()
    assert [b.state for b in backups_list()] == [State.DAMAGED]
    with pytest.raises(BackupError, match="cannot be restored"):
        backup_restore(backup.name)


def test_a_dump_that_lacks_rows_fails_its_trial(
    rows: int,
) -> None:
    backup = backup_make(trial=False)
    manifest = backup.manifest
    assert manifest is not None
    tables = {**manifest.tables, f"public.{PARTITION}": 401}
    text = manifest_write(replace(manifest, tables=tables))
    (backup.path / store.MANIFEST).write_text(text, encoding="utf-8")
    tried = backup_try(backup.name)
    assert tried.state is State.TRIAL_FAILED
    assert f"{PARTITION} 400 instead of 401" in tried.error


def test_a_sealed_backup_needs_its_key(
    rows: int, other: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BACKUP_ENCRYPT = True
    backup = backup_make(trial=False)
    ring = KeyRing({"new": b"n" * 32})
    monkeypatch.setattr(files, "key_ring", lambda: ring)
    tried = backup_try(backup.name)
    assert tried.state is State.TRIAL_FAILED
    assert "BTCW_ENCRYPTION_KEYS" in tried.error


def test_two_at_once_are_refused_and_the_first_goes_on(rows: int) -> None:
    refused: list[BackupError] = []

    def second(_title: str, _detail: str) -> None:
        if not refused:
            with pytest.raises(BackupBusyError) as caught:
                backup_make()
            refused.append(caught.value)
            assert backup_task() == "busy"

    assert backup_make(say=second).state is State.GOOD
    assert len(refused) == 1
    assert len(backups_list()) == 1


def test_a_failure_leaves_a_note_and_an_alert_and_the_next_success_clears_them(
    rows: int, server: Server, settings: Settings, folder: Path
) -> None:
    settings.BACKUP_DATABASE = as_setting(server, "there_is_no_such_database")
    with pytest.raises(BackupError, match="there_is_no_such_database"):
        backup_make()
    (failed,) = backups_list()
    assert failed.state is State.FAILED
    assert "backup:failed" in alerts()
    assert not [p for p in folder.iterdir() if p.name.startswith(".part-")]
    settings.BACKUP_DATABASE = {}
    backup_make()
    assert alerts() == {}
    assert [b.state for b in backups_list()] == [State.GOOD, State.FAILED]


def test_no_room_is_told_before_anything_is_written(
    rows: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.backups.policy.SPARE_BYTES", 10**18)
    with pytest.raises(BackupError, match="are free at"):
        backup_make()
    assert [b.state for b in backups_list()] == [State.FAILED]


def test_redis_away_is_told_and_does_not_stop_the_backup(
    rows: int, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    backup = backup_make()
    assert backup.state is State.GOOD
    assert backup.manifest is not None
    assert "Redis gave no snapshot" in backup.manifest.redis_missing
    assert set(backup.manifest.files) == {"database.dump"}


def test_old_ones_go_and_the_last_good_one_stays(
    rows: int, settings: Settings, folder: Path
) -> None:
    settings.BACKUP_DAYS_KEPT = 0
    first = backup_make()
    second = backup_make(trial=False)
    assert {b.name for b in backups_list()} == {first.name, second.name}
    third = backup_make()
    assert [b.name for b in backups_list()] == [third.name]


def test_age_is_told_by_the_hourly_round_and_a_missed_run_is_made(rows: int) -> None:
    assert backups_watch()
    assert watch_backups() != "ok"
    assert watch_backups() == "ok"
    later = timezone.now() + timedelta(hours=40)
    assert backups_watch(later)
    assert "backup:age" in alerts()
    assert not backups_watch()
    assert alerts() == {}


def test_the_lists_show_state_size_age_and_trial(rows: int) -> None:
    assert "no backup yet" in run("backups")
    made = json.loads(run("backup", "--json"))
    (listed,) = json.loads(run("backups", "--json"))
    assert listed == made
    assert listed["state"] == "good"
    assert listed["trial"]["error"] == ""
    assert listed["rows"] == listed["trial"]["rows"]
    text = run("backups")
    assert made["name"] in text
    assert "restored on trial" in text
    (row,) = backups_rows()
    assert row.age < timedelta(minutes=5)
    summary = backups_summary()
    assert summary["count"] == 1
    assert summary["troubles"] == []
    assert summary["good_at"] is not None


def test_the_command_shows_its_progress(rows: int) -> None:
    text = run("backup")
    for step in ("Dumping the database", "Checking the files", "Restoring"):
        assert f"done: {step}" in text
    assert "every table has its rows" in text
    name = backups_list()[0].name
    assert "Restored on trial" in run("backup", "--try", name)
    with pytest.raises(CommandError, match="There is no backup 'nothing'"):
        run("backup", "--try", "nothing")


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
