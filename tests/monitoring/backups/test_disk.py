"""Backups on disks that are full, or may only be read."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest

from monitoring.backups.dumping import RedisSnapshot
from monitoring.backups.selectors import backups_list
from monitoring.backups.services import backup_make, backup_restore, backup_try
from monitoring.backups.shapes import BackupError, State
from tests.monitoring.backups.conftest import counts, scratches
from tests.monitoring.backups.looking import alerts

if TYPE_CHECKING:
    from pathlib import Path

    import redis
    from pytest_django import Settings

    from monitoring.backups.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def fill(disk: Path) -> None:
    """Leave not a byte free."""
    for piece in (1 << 20, 1 << 12, 1):
        with contextlib.suppress(OSError), (disk / "junk").open("ab") as junk:
            while True:
                junk.write(bytes(piece))
                junk.flush()


@pytest.mark.usefixtures("many_bytes")
@pytest.mark.parametrize("sealed", [False, True])
def test_a_disk_that_fills_up_during_the_dump_leaves_no_half_backup(
    small_disk: Path, settings: Settings, sealed: bool
) -> None:
    settings.BACKUP_ENCRYPT = sealed

    def when_it_writes(_title: str, detail: str) -> None:
        if "MB" in detail:
            fill(small_disk)

    with pytest.raises(BackupError, match="No space left on device"):
        backup_make(say=when_it_writes)
    assert not [p for p in (small_disk / "backups").iterdir() if p.is_dir()]
    assert set(alerts()) == {"backup:failed"}


def test_a_snapshot_of_redis_that_the_disk_cannot_take_is_a_failure_and_not_redis_fault(
    small_disk: Path, redis_client: redis.Redis, transactional_db: None
) -> None:
    for number in range(30):
        redis_client.set(f"kept {number}", secrets.token_bytes(100_000))
    fill(small_disk)
    part = RedisSnapshot(small_disk)
    with pytest.raises(OSError, match="No space left on device"):
        part.join()
    assert part.missing == ""


def test_a_trial_whose_end_cannot_be_kept_is_told_and_the_backup_stays(
    small_disk: Path, rows: int
) -> None:
    def during_the_trial(title: str, _detail: str) -> None:
        if title == "Restoring":
            fill(small_disk)

    with pytest.raises(BackupError, match="could not be kept"):
        backup_make(say=during_the_trial)
    (backup,) = backups_list()
    assert backup.state is State.UNTRIED
    assert set(alerts()) == {"backup:failed"}
    assert not list(backup.path.glob(".part-*"))
    (small_disk / "junk").unlink()
    assert backup_try(backup.name).state is State.GOOD
    assert alerts() == {}


def test_a_restore_works_from_a_disk_that_may_only_be_read(
    small_disk: Path, rows: int, server: Server, other: str
) -> None:
    backup = backup_make(trial=False)
    assert backup.manifest is not None
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    try:
        backup_restore(backup.name, into=other)
        with pytest.raises(BackupError):
            backup_make()
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert counts(server, other) == dict(backup.manifest.tables)
    assert scratches(server) == []
