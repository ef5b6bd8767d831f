"""A real streaming replica of the database that the tests run on."""

from __future__ import annotations

import copy
import json
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection, connections
from psycopg import sql

from btc_watcher.lib.replica_probe import REPLICA
from btc_watcher.local import ports, service_user
from btc_watcher.local.postgres import EmbeddedPostgres
from btc_watcher.local.state import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import LiteralString

    from btc_watcher.local.embedded import StopSteps


class Standby(EmbeddedPostgres):
    """Follows the server at ``port`` of 127.0.0.1 with its superuser's password."""

    title = "standby"

    def __init__(self, folder: Path, primary: dict[str, Any]) -> None:
        super().__init__(
            folder / "standby",
            folder / "standby.log",
            port=ports.any_free(),
            throwaway=True,
        )
        self._primary = primary

    def prepare(self) -> None:
        """Copy the primary as pg_basebackup does for everybody."""
        if (self.cluster / "PG_VERSION").exists():
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            return
        self.cluster.mkdir(mode=0o700)
        service_user.give_to_service_user(self.cluster)
        login = f"postgres:{quote(self._primary['superuser'])}"
        subprocess.run(
            [
                *(service_user.setpriv(), *service_user.as_service_user()),
                *("--pdeathsig=TERM", str(self.tree / "bin" / "pg_basebackup")),
                *(
                    "-d",
                    f"postgres://{login}@127.0.0.1:{self._primary['port']}/postgres",
                ),
                *("-D", str(self.cluster), "-R", "-X", "stream", "-c", "fast"),
                "--no-sync",
            ],
            check=True,
            cwd="/",
            timeout=120,
        )

    def finish(self) -> None:
        """Nothing: it has what the primary has."""

    def ask(self, statement: LiteralString, *values: Any) -> Any:
        """Run a statement as its superuser; return the first value, None without one."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self._primary["superuser"],
            dbname=str(connection.settings_dict["NAME"]),
            autocommit=True,
        ) as asked:
            cursor = asked.execute(statement, values)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def asked(self, words: str) -> int:
        """Return how often statements with ``words`` were run here."""
        found = self.ask(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements"
            " WHERE position(%s IN query) > 0",
            words,
        )
        return int(found)

    def pause(self) -> None:
        """Let it fall behind."""
        self.ask("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        """Let it go on."""
        self.ask("SELECT pg_wal_replay_resume()")

    def kill(self, steps: StopSteps) -> None:
        """Stop it with other signals than usual."""
        self.stop_steps = steps
        self.stop()
        self.stop_steps = EmbeddedPostgres.stop_steps


@contextmanager
def stranger_running() -> Iterator[EmbeddedPostgres]:
    """Yield a server with a database of the tests' name that is no copy of theirs."""
    values = connection.settings_dict
    with tempfile.TemporaryDirectory(prefix="btcw-stranger-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "postgres").mkdir(mode=0o700)
        write_json(
            folder / "postgres" / "server.json", {"password": values["PASSWORD"]}
        )
        server = EmbeddedPostgres(
            folder / "postgres",
            folder / "postgres.log",
            port=ports.any_free(),
            throwaway=True,
        )
        server.start()
        try:
            with psycopg.connect(server.url, autocommit=True) as made:
                make = sql.SQL("CREATE DATABASE {}")
                made.execute(make.format(sql.Identifier(str(values["NAME"]))))
            yield server
        finally:
            server.stop()


def primary_facts() -> dict[str, Any]:
    """Return port and superuser's password of the server of this run.

    Skips the test when that is not ours: it may not let us follow it.
    """
    with connection.cursor() as cursor:
        # Nothing for a role that may not know.
        cursor.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
        row = cursor.fetchone()
    state = Path(row[0] if row else "/nowhere").parent / "server.json"
    if not state.is_file():
        pytest.skip("The PostgreSQL of this run was not started by it.")
    facts: dict[str, Any] = json.loads(state.read_text(encoding="utf-8"))
    return facts


def _log_keep(primary: dict[str, Any]) -> None:
    """Have the primary keep what a stopped replica lacks: others write much meanwhile."""
    with psycopg.connect(
        host="127.0.0.1",
        port=primary["port"],
        user="postgres",
        password=primary["superuser"],
        dbname="postgres",
        autocommit=True,
    ) as asked:
        asked.execute("ALTER SYSTEM SET wal_keep_size = '2GB'")
        asked.execute("SELECT pg_reload_conf()")


@contextmanager
def standby_running() -> Iterator[Standby]:
    """Yield a standby of this run's server, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="btcw-standby-") as name:
        Path(name).chmod(0o711)
        facts = primary_facts()
        _log_keep(facts)
        server = Standby(Path(name), facts)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def replica_at(port: int) -> Iterator[None]:
    """Have the server at ``port`` be the replica of this process.

    Tests name it among their databases, so it is there before they begin.
    """
    values = copy.deepcopy(connection.settings_dict)
    values |= {"PORT": port, "HOST": "127.0.0.1"}
    values["OPTIONS"] |= {
        "application_name": "btc_watcher_reading",
        "connect_timeout": 2,
    }
    # Nothing is to be emptied there.
    values["TEST"]["MIRROR"] = "default"
    before = connections.settings.get(REPLICA)
    connections.settings[REPLICA] = values
    if before:
        connections[REPLICA].close()
        del connections[REPLICA]
    try:
        yield
    finally:
        connections[REPLICA].close()
        del connections[REPLICA]
        connections.settings.pop(REPLICA)
        if before:
            connections.settings[REPLICA] = before
