"""Backup, rotation, export and intake at once; PostgreSQL restarted under all of them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings as live_settings
from django.db import connection
from django.utils import timezone
from psycopg import sql

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.partitions import PROXY_TESTS, TABLES, month_start, months_ensure
from monitoring.backups.services import backup_make
from monitoring.backups.shapes import State
from monitoring.partitions.export import rows_export
from monitoring.partitions.rotation import partitions_rotate
from signals_app.models import Signal
from signals_app.services import signals_record
from tests.local import helpers
from tests.monitoring.backups.test_faults import until
from tests.servers import ENV
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis
    from pytest_django import Settings

    from btc_watcher.local.servers import EmbeddedPostgres

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(480)]

RESTARTS = 3


class Loop:
    """Does something again and again in a thread, until it is told to stop."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.runs = 0
        self.failed: list[BaseException] = []
        self._action = action
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Loop:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._action()
                self.runs += 1
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.failed.append(error)
        finally:
            connection.close()


def test_backup_rotation_export_and_intake_at_once_lose_nothing(
    rows: int,
    folder: Path,
    tmp_path: Path,
    settings: Settings,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("signals_app.services._months_known", set())
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6}
    now = timezone.now()
    pause = threading.Event()
    stored: list[int] = []
    told: list[str] = []

    def intake() -> None:
        # Some of a month that has no partition, for which the lock is not to be had.
        moments = (now, month_start(now, -30 - len(stored) % 3))
        wanted = [
            candidate(timestamp=_moment(m), pair=f"P{len(stored)}/USDT")
            for m in moments
        ]
        assert signals_record(wanted).refused == []
        stored.append(2)

    def rotate() -> None:
        pause.wait(0.1)
        months_ensure(PROXY_TESTS, [month_start(now, -20)])
        told.extend(rotation.error for rotation in partitions_rotate())

    def export() -> None:
        begin = _moment(month_start(now, -40))
        done = rows_export(
            table="signals", begin=begin, end=now, path=tmp_path / f"{uuid4()}.csv"
        )
        assert done.rows <= sum(stored) + 2

    with Loop(intake) as takes, Loop(rotate) as rotates, Loop(export) as exports:
        backups = [backup_make() for _ in range(2)]
        until(lambda: bool(exports.runs and rotates.runs and takes.runs))
    assert [loop.failed for loop in (takes, rotates, exports)] == [[], [], []]
    assert [backup.state for backup in backups] == [State.GOOD] * 2
    assert Signal.objects.count() == sum(stored)
    # Whoever found no lock says so; afterwards all is done.
    assert not [words for words in told if words and "pg_stat_activity" not in words]
    assert [rotation.error for rotation in partitions_rotate()] == [""] * len(TABLES)
    _tidy()


def _moment(day: Any) -> Any:
    return timezone.now().replace(
        year=day.year, month=day.month, day=1, hour=0, minute=0, second=0, microsecond=0
    )


def _tidy() -> None:
    """Remove the months that intake and rotation made."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE signals, proxy_test_history")
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child"
            " ON child.oid = inhrelid WHERE inhparent IN ('signals'::regclass,"
            " 'proxy_test_history'::regclass) AND child.relname ~ '_\\d{4}_\\d{2}$'"
        )
        first = month_start(timezone.now())
        for (name,) in cursor.fetchall():
            if f"{first:%Y_%m}" > name[-7:]:
                cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


@pytest.fixture
def database() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this test's own, which keeps what was committed."""
    with helpers.scratch_folder() as path:
        server = helpers.postgres(path, throwaway=False)
        server.start()
        yield server
        server.stop()


class Commands:
    """Runs commands of ours on that server; each ends well, or says why in a sentence."""

    def __init__(self, url: str, folder: Path) -> None:
        self._variables = {
            **ENV,
            "DATABASE_URL": url,
            "REDIS_URL": live_settings.REDIS_URL,
            "BTCW_BACKUP_FOLDER": str(folder),
            "BTCW_LOG_LEVEL": "ERROR",
        }
        self.ends: list[tuple[str, int]] = []

    def run(self, *command: str) -> str:
        """Run one and return what it printed."""
        done = subprocess.run(
            [sys.executable, str(BASE_DIR / "manage.py"), *command],
            cwd=BASE_DIR,
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
        )
        self.ends.append((command[0], done.returncode))
        assert done.returncode in {0, 1}, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout


class Writer:
    """Stores rows on that server, connecting anew, and counts what was answered for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answered = 0

    def write(self) -> None:
        """Store a hundred rows, one by one, or fewer when the server goes away."""
        text = (
            "INSERT INTO proxy_test_history (test_time, success) VALUES (now(), false)"
        )
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(self._url, autocommit=True) as client,
        ):
            for _ in range(100):
                client.execute(text)
                self.answered += 1


def fill(url: str) -> None:
    """Store rows that take a dump some time, in the safety net."""
    with psycopg.connect(url, autocommit=True) as client:
        client.execute(
            "INSERT INTO proxy_test_history (test_time, success, error_message)"
            " SELECT '2019-01-05', true, string_agg(md5((n * 1000 + part)::text), '')"
            " FROM generate_series(1, 3000) n, generate_series(1, 100) part GROUP BY n"
        )


def restart_during_a_backup(
    database: EmbeddedPostgres, commands: Commands, writer: Writer
) -> None:
    arguments = ("backup", "--no-trial")
    backup = threading.Thread(target=commands.run, args=arguments)
    backup.start()
    until(lambda: at_work(database) or not backup.is_alive())
    database.stop()
    database.start()
    backup.join()
    before = writer.answered
    until(lambda: writer.answered > before)


def found(url: str) -> tuple[int, int, int, int]:
    """Return old rows, new rows, rows in the safety net, scratch databases."""
    with psycopg.connect(url) as client:
        rows = client.execute(
            "SELECT count(*) FILTER (WHERE success), count(*) FILTER (WHERE NOT success),"
            " (SELECT count(*) FROM proxy_test_history_default),"
            " (SELECT count(*) FROM pg_database WHERE datname ~ '^btcw_scratch')"
            " FROM proxy_test_history"
        ).fetchone()
    assert rows is not None
    return rows


@pytest.mark.faults
def test_postgresql_restarted_under_load_loses_no_row_and_no_backup(
    database: EmbeddedPostgres, folder: Path, tmp_path: Path, transactional_db: None
) -> None:
    commands, writer = Commands(database.url, folder), Writer(database.url)
    commands.run("migrate", "--verbosity=0")
    fill(database.url)

    def work() -> None:
        commands.run("rotate_partitions")
        output = f"--output={tmp_path}/{uuid4()}.csv"
        commands.run("export", "signals", "--from=2019-01-01", output)

    with Loop(writer.write) as writes, Loop(work) as works:
        for _ in range(RESTARTS):
            restart_during_a_backup(database, commands, writer)
    assert [writes.failed, works.failed] == [[], []]
    made = json.loads(commands.run("backup", "--json"))
    assert (made["state"], made["error"]) == ("good", "")
    commands.run("rotate_partitions")
    assert commands.ends[-2:] == [("backup", 0), ("rotate_partitions", 0)]
    assert ("backup", 1) in commands.ends
    old, new, strays, scratches = found(database.url)
    # A row may be stored whose answer was lost; none that was answered for is missing.
    assert writer.answered <= new <= writer.answered + RESTARTS
    assert (old, strays, scratches) == (3000, 0, 0)
    assert not [path for path in folder.iterdir() if path.name.startswith(".part-")]


def at_work(database: EmbeddedPostgres) -> bool:
    """Tell whether a backup is reading the database."""
    with psycopg.connect(database.url) as client:
        row = client.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE application_name IN ('btc_watcher backup', 'pg_dump')"
            " AND query ~ '^(COPY|SELECT count)')"
        ).fetchone()
    return row == (True,)
