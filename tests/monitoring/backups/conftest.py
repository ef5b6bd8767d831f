"""A folder for backups, a database of one's own, rows worth saving."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone
from django.utils.translation import override
from psycopg import sql

from btc_watcher.lib.partitions import PROXY_TESTS, month_start
from monitoring.backups.scratch import scratch_prefix
from monitoring.backups.servers import Server, server_of_backups
from monitoring.backups.snapshot import counts_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

# They have partitions of their own: this month and the two after it.
MONTHS = tuple(month_start(timezone.now(), offset) for offset in range(3))
DISK_MEGABYTES = 90
PARTITION = PROXY_TESTS.partition(MONTHS[1])


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """Speak one language, whatever the translations are."""
    with override("en"):
        yield


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """The folder of backups."""
    settings.BACKUP_FOLDER = str(tmp_path / "backups")
    return tmp_path / "backups"


@pytest.fixture
def server(transactional_db: None) -> Server:
    """The database of the tests."""
    return server_of_backups()


@pytest.fixture
def rows(transactional_db: None) -> int:
    """Rows in several partitions; returns how many."""
    with connection.cursor() as cursor:
        for month in MONTHS:
            cursor.execute(
                "INSERT INTO proxy_test_history (test_time, success, error_message)"
                " SELECT %s::timestamptz + n * interval '1 minute', true,"
                " md5(n::text) FROM generate_series(1, 400) n",
                [f"{month} 00:00:00+00"],
            )
    return 400 * len(MONTHS)


@pytest.fixture
def many_bytes(transactional_db: None) -> None:
    """Twenty megabytes that do not compress."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proxy_test_history (test_time, success, error_message)"
            " SELECT '2026-11-05'::timestamptz, true, (SELECT"
            " string_agg(encode(sha512((n || '-' || part)::bytea), 'base64'), '')"
            " FROM generate_series(1, 230) part) FROM generate_series(1, 1000) n"
        )


@pytest.fixture
def small_disk(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """A disk of its own in memory, with the folder of backups."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={DISK_MEGABYTES}m",
        "tmpfs",
        str(disk),
    ]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    settings.BACKUP_FOLDER = str(disk / "backups")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def other(settings: Settings, server: Server) -> Iterator[str]:
    """The name of a database that does not exist; what is made under it is dropped."""
    name = f"btcw_other_{secrets.token_hex(4)}"
    yield name
    with contextlib.closing(server.maintenance()) as maintenance:
        found = maintenance.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [name]
        ).fetchall()
        for (each,) in found:
            drop(maintenance, each)


def drop(maintenance: Any, name: str) -> None:
    statement = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    maintenance.execute(statement)


def databases(server: Server, prefix: str) -> list[str]:
    with contextlib.closing(server.maintenance()) as maintenance:
        found = maintenance.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1",
            [prefix],
        )
        return [str(name) for (name,) in found]


def scratches(server: Server) -> list[str]:
    """Return the scratch databases of this worker's database; others have theirs."""
    return databases(server, scratch_prefix(server.database))


def counts(server: Server, database: str = "") -> dict[str, int]:
    with contextlib.closing(server.connect(database)) as there:
        return counts_of(there, tables_of(there))


def as_setting(server: Server, database: str) -> dict[str, Any]:
    """Return what BTCW_BACKUP_DATABASE_URL would give for another database."""
    words = {word.upper(): value for word, value in server.parameters.items()}
    return {**words, "NAME": database}
