"""Backups that are damaged: seen, told, never restored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from btc_watcher.lib.encryption import KeyRing
from monitoring.backups import files, store
from monitoring.backups.manifest import manifest_write
from monitoring.backups.selectors import backups_list
from monitoring.backups.services import backup_make, backup_restore, backup_try
from monitoring.backups.shapes import BackupError, DamagedBackupError, State
from tests.monitoring.backups.conftest import PARTITION, databases, scratches
from tests.monitoring.backups.looking import alerts, file_of, flip

if TYPE_CHECKING:
    from pytest_django import Settings

    from monitoring.backups.servers import Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("folder"),
]


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
