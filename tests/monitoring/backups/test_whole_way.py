"""A backup made, the database destroyed, restored, and the counts equal: by command."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.conf import settings as live_settings
from psycopg import sql

from btc_watcher.env import BASE_DIR
from tests.monitoring.backups.conftest import counts, databases, drop
from tests.servers import ENV

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.backups.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

FILL = """
INSERT INTO signals (id, timestamp, strategy_name, pair, exchange, timeframe, signal_type,
    strength_raw, strength_level, priority, price) SELECT gen_random_uuid(),
    now() - n * interval '1 hour', 'whole way', 'BTC/USDT', 'binance', '5m', 'BUY', 60,
    'medium', 'P1', 100 FROM generate_series(1, 2000) n;
INSERT INTO proxy_test_history (test_time, success) SELECT 'infinity', true
    FROM generate_series(1, 3);
"""


SUM = "SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM ONLY {} t"


class Installation:
    """Another installation beside the tests: a database, a folder, and its commands."""

    def __init__(self, server: Server, database: str, folder: Path) -> None:
        words = server.parameters
        self._url = (
            f"postgres://{words['user']}:{words['password']}@{words['host']}"
            f":{words['port']}/{database}"
        )
        self._folder = folder

    def run(self, *command: str, fails: bool = False) -> str:
        """Run ``manage.py`` and return what it says."""
        changes = {
            "DATABASE_URL": self._url,
            "REDIS_URL": live_settings.REDIS_URL,
            "BTCW_BACKUP_FOLDER": str(self._folder),
        }
        done = subprocess.run(
            [sys.executable, str(BASE_DIR / "manage.py"), *command],
            cwd=BASE_DIR,
            env={**ENV, **changes},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else done.stdout


def checksums(server: Server, database: str) -> dict[str, str]:
    """Return a checksum of the rows of the tables that have some."""
    found = {}
    with contextlib.closing(server.connect(database)) as there:
        for name, rows in counts(server, database).items():
            if rows:
                text = sql.SQL(SUM).format(sql.Identifier(*name.split(".")))
                found[name] = str(there.execute(text).fetchone())
    return found


def test_made_destroyed_restored_and_the_counts_are_equal(
    server: Server, other: str, folder: Path
) -> None:
    here = Installation(server, other, folder)
    with contextlib.closing(server.maintenance()) as maintenance:
        maintenance.execute(f'CREATE DATABASE "{other}"')
    here.run("migrate", "--verbosity=0")
    with contextlib.closing(server.connect(other)) as there:
        there.execute(FILL)
    before, sums = counts(server, other), checksums(server, other)
    assert sum(before.values()) > 2000

    made = json.loads(here.run("backup", "--json"))
    assert (made["state"], made["rows"]) == ("good", sum(before.values()))

    with contextlib.closing(server.maintenance()) as maintenance:
        drop(maintenance, other)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**server.parameters, dbname=other)  # type: ignore[arg-type]
    assert "cannot be reached" in here.run("backup", fails=True)

    done = json.loads(here.run("restore", made["name"], "--json"))
    assert (done["database"], done["rows"]) == (other, made["rows"])
    assert counts(server, other) == before
    assert checksums(server, other) == sums

    # And it is alive: nothing is left to migrate, it takes rows and it can be saved.
    here.run("migrate", "--check")
    here.run("rotate_partitions")
    with contextlib.closing(server.connect(other)) as there:
        there.execute(FILL)
    assert json.loads(here.run("backup", "--json"))["rows"] == made["rows"] + 2003
    done = json.loads(here.run("restore", made["name"], "--yes-really", "--json"))
    assert (done["database"], done["rows"]) == (other, made["rows"])
    assert counts(server, other) == before
    (aside,) = databases(server, f"{other}_before_")
    assert sum(counts(server, aside).values()) == made["rows"] + 2003
