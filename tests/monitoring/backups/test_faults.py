"""Backups whose disk fills up, whose process is killed, whose server goes away."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from django.conf import settings as live_settings

from btc_watcher.env import BASE_DIR
from monitoring.backups.scratch import scratch_prefix
from monitoring.backups.selectors import backups_list
from monitoring.backups.services import backup_make, backup_restore, backups_watch
from monitoring.backups.shapes import BackupError, State
from notifications.models import Alert
from tests.monitoring.backups.conftest import databases, scratches
from tests.servers import ENV

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_django import Settings

    from monitoring.backups.servers import Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.usefixtures("many_bytes"),
]

DEADLINE = 60.0


def until(met: Callable[[], bool]) -> None:
    ends = time.monotonic() + DEADLINE
    while not met():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.002)


@contextlib.contextmanager
def backup_process(
    server: Server, folder: Path, *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command (``backup``) on the database of the tests."""
    words = server.parameters
    url = f"postgres://{words['user']}:{words['password']}@{words['host']}"
    url += f":{words['port']}/{server.database}"
    changes = {
        "DATABASE_URL": url,
        "REDIS_URL": live_settings.REDIS_URL,
        "BTCW_BACKUP_FOLDER": str(folder),
    }
    process = subprocess.Popen(
        [sys.executable, str(BASE_DIR / "manage.py"), *(command or ("backup",))],
        cwd=BASE_DIR,
        env={**ENV, **changes},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def killed(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Kill the process alone and return the programs that it had started."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return children


def test_a_disk_that_fills_up_leaves_no_half_backup(
    small_disk: Path, settings: Settings
) -> None:
    def fill(_title: str, detail: str) -> None:
        if "MB" not in detail:
            return
        with contextlib.suppress(OSError), (small_disk / "junk").open("ab") as junk:
            while True:
                junk.write(bytes(1 << 20))
                junk.flush()

    with pytest.raises(BackupError, match="No space left on device"):
        backup_make(say=fill)
    folder = small_disk / "backups"
    assert not [p for p in folder.iterdir() if p.is_dir()]
    # Not even the note of the failure may find room; the alert is in the database.
    (small_disk / "junk").unlink()
    backup = backup_make()
    assert backup.state is State.GOOD, backup.error
    assert not Alert.objects.filter(resolved_at=None).exists()


def test_a_full_disk_is_told_even_when_there_is_no_room_for_the_note(
    small_disk: Path,
) -> None:
    folder = small_disk / "backups"
    folder.mkdir()
    with contextlib.suppress(OSError), (small_disk / "junk").open("wb") as junk:
        while True:
            junk.write(bytes(1 << 12))
            junk.flush()
    with pytest.raises(BackupError, match="are free at"):
        backup_make()
    alert = Alert.objects.filter(resolved_at=None, key="backup:failed")
    assert alert.exists()
    (small_disk / "junk").unlink()
    backups_watch()
    assert alert.exists()
    backup_make()
    assert not alert.exists()


def test_a_backup_that_is_killed_leaves_nothing_that_looks_like_one(
    server: Server, folder: Path
) -> None:
    with backup_process(server, folder) as process:
        until(lambda: any(folder.glob(".part-*/database.dump")))
        children = killed(process)
    assert backups_list() == []
    until(lambda: not any(child.is_running() for child in children))
    # Nobody was there to tell of it, so the hourly round does.
    backups_watch()
    assert [b.state for b in backups_list()] == [State.FAILED]
    assert Alert.objects.filter(resolved_at=None, key="backup:failed").exists()
    backup = backup_make()
    assert backup.state is State.GOOD, backup.error
    assert not list(folder.glob(".part-*"))


def test_a_trial_that_is_killed_loses_its_database_in_the_next_round(
    server: Server, folder: Path
) -> None:
    with backup_process(server, folder) as process:
        until(lambda: bool(scratches(server)))
        # A round of somebody else leaves alone what is in use.
        backups_watch()
        assert scratches(server)
        children = killed(process)
    until(lambda: not any(child.is_running() for child in children))
    until(lambda: not backups_watch() and not scratches(server))
    assert [b.state for b in backups_list()] == [State.UNTRIED]
    assert Alert.objects.filter(resolved_at=None, key="backup:failed").exists()


def test_a_second_process_is_refused(server: Server, folder: Path) -> None:
    with backup_process(server, folder) as process:
        until(lambda: any(folder.glob(".part-*")))
        with pytest.raises(BackupError, match="Another backup"):
            backup_make()
        assert process.wait(DEADLINE) == 0
    assert [b.state for b in backups_list()] == [State.GOOD]


def test_sessions_that_the_server_ends_fail_the_backup_cleanly(
    server: Server, folder: Path
) -> None:
    def cut(_title: str, _detail: str) -> None:
        with contextlib.closing(server.maintenance()) as maintenance:
            maintenance.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname"
                " = %s AND application_name = 'btc_watcher backup'"
                " AND pid <> pg_backend_pid()",
                [server.database],
            )

    with pytest.raises(BackupError):
        backup_make(say=cut)
    assert [b.state for b in backups_list()] == [State.FAILED]
    assert not list(folder.glob(".part-*"))
    assert backup_make().state is State.GOOD


def test_a_restore_that_fails_leaves_the_target_as_it_was(
    server: Server, folder: Path, other: str
) -> None:
    backup = backup_make(trial=False)

    cuts: list[str] = []

    def cut(title: str, detail: str) -> None:
        # Into a message of pg_restore: once is enough.
        if cuts or title != "Restoring":
            return
        cuts.append(detail)
        with contextlib.closing(server.maintenance()) as maintenance:
            maintenance.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE starts_with(datname, %s)",
                [scratch_prefix(server.database)],
            )

    with pytest.raises(BackupError):
        backup_restore(backup.name, into=other, say=cut)
    assert databases(server, other) == scratches(server) == []


def test_a_restore_that_is_killed_leaves_no_target_and_loses_its_database(
    server: Server, folder: Path, other: str
) -> None:
    name = backup_make(trial=False).name
    with backup_process(server, folder, "restore", name, "--into", other) as process:
        until(lambda: bool(scratches(server)))
        children = killed(process)
    until(lambda: not any(child.is_running() for child in children))
    until(lambda: not backups_watch() and not scratches(server))
    assert databases(server, other) == []
    assert backup_restore(name, into=other).database == other
