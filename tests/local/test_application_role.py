"""``make up`` works as a role that changes no tables; the owner is for a few commands."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from btc_watcher.env import BASE_DIR, HOME
from btc_watcher.local import checks
from btc_watcher.local.commands import run_manage
from btc_watcher.local.environment import MARKER, LocalEnvironment
from btc_watcher.local.postgres import APPLICATION, PROVISIONED, ROLE, verifier
from btc_watcher.local.prepare import Preparation
from btc_watcher.local.processes import ProcessManager
from btc_watcher.local.roster import Ports, roster
from btc_watcher.local.state import read_json, write_json
from btc_watcher.local.terminal import Terminal
from tests.local.helpers import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from btc_watcher.local.servers import EmbeddedPostgres

OWNER_URL = "postgres://btc_watcher:of-the-owner@127.0.0.1:1/btc_watcher"
APPLICATION_URL = "postgres://btc_watcher_app:of-the-app@127.0.0.1:1/btc_watcher"
TAKEN = """
import json, os
from btc_watcher.env import owner_take
owner_take(["DATABASE_URL", "BTCW_BACKUP_DATABASE_URL"])
print(json.dumps([os.environ.get(name, "") for name in
                  ("DATABASE_URL", "BTCW_BACKUP_DATABASE_URL")]))
"""


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the home have servers and secrets of its own."""
    for name in (
        *("DATABASE_URL", "REDIS_URL", "BTCW_SECRET_KEY", "BTCW_ENCRYPTION_KEYS"),
        *("BTCW_ENV", "DJANGO_SETTINGS_MODULE"),
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(embedded: None, folder: Path) -> LocalEnvironment:
    """A home with an embedded database that was never started."""
    made = LocalEnvironment(folder / "home")
    made.prepare_home()
    made.database_is(owner=OWNER_URL, application=APPLICATION_URL)
    made.write()
    return made


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


# -- Who is told which address ---------------------------------------------------------


def test_only_the_worker_that_makes_backups_is_told_the_owners_address(
    environment: LocalEnvironment,
) -> None:
    children = roster(
        Ports(1, 2, 3), environment.for_children(), environment.for_backups()
    )
    told = {
        child.name for child in children if "of-the-owner" in str(child.environment)
    }
    assert told == {"worker"}
    assert {child.environment["DATABASE_URL"] for child in children} == {
        APPLICATION_URL
    }
    assert environment.for_owner()["DATABASE_URL"] == OWNER_URL


def test_the_owners_address_lies_in_a_private_file_and_nowhere_else(
    environment: LocalEnvironment,
) -> None:
    holding = [
        path
        for path in environment.home.rglob("*")
        if path.is_file() and "of-the-owner" in path.read_text(encoding="utf-8")
    ]
    assert holding == [environment.home / "secrets" / "owner.env"]
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600
    password = environment.application_password()
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text() == environment.application_password().read_text()


def test_an_address_for_backups_that_a_person_set_is_kept(
    environment: LocalEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTCW_BACKUP_DATABASE_URL", "postgres://mine@db/x")
    assert environment.for_backups() == {}
    assert (
        environment.for_children()["BTCW_BACKUP_DATABASE_URL"] == "postgres://mine@db/x"
    )


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({}, [OWNER_URL, OWNER_URL]),
        # What the processes of make up are given is not a person's choice.
        ({"DATABASE_URL": APPLICATION_URL}, [OWNER_URL, OWNER_URL]),
        ({"DATABASE_URL": "postgres://mine@db/x"}, ["postgres://mine@db/x", ""]),
        (
            {"BTCW_BACKUP_DATABASE_URL": "postgres://mine@db/x"},
            [OWNER_URL, "postgres://mine@db/x"],
        ),
    ],
)
def test_a_command_for_the_owner_takes_what_no_person_has_set(
    environment: LocalEnvironment, given: dict[str, str], taken: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TAKEN],
        cwd=BASE_DIR,
        env={"PATH": "/usr/bin:/bin", "BTCW_HOME": str(environment.home)} | given,
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == taken


# -- The embedded PostgreSQL -----------------------------------------------------------


@pytest.fixture
def database(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL of this test's own."""
    server = postgres(folder)
    server.start()
    yield server
    server.stop()


def make_older(server: EmbeddedPostgres) -> None:
    """Leave the stopped cluster as an earlier release has made it."""
    server.start()
    with server._connect("postgres") as connection:
        connection.execute(f"REVOKE pg_read_all_stats FROM {ROLE}")
        # In the clear, as it was then.
        connection.execute(f"ALTER ROLE postgres PASSWORD '{server.password}'")
    server.stop()
    path = server.data_dir / "server.json"
    state = read_json(path)
    state.pop("superuser")
    write_json(path, state | {"provisioned": True})


def test_the_owner_is_not_told_the_superusers_password(
    database: EmbeddedPostgres,
) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(database.url_as("postgres", database.password))
    database._connect("postgres").close()


def test_a_cluster_of_an_earlier_release_is_brought_up_to_date(
    database: EmbeddedPostgres, folder: Path
) -> None:
    database.stop()
    make_older(database)
    again = postgres(folder)
    try:
        again.start()
        state = read_json(again.data_dir / "server.json")
        assert state["provisioned"] == PROVISIONED
        assert state["superuser"] != again.password
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(again.url_as("postgres", again.password))
        member = "SELECT admin_option FROM pg_auth_members WHERE admin_option"
        member += f" AND member = '{ROLE}'::regrole"
        member += " AND roleid = 'pg_read_all_stats'::regrole"
        assert ask(again.url, member) == [(True,)]
        # What the server remembers of statements holds no password.
        texts = str(ask(again.url, "SELECT query FROM pg_stat_statements"))
        assert again.password not in texts
        assert str(state["superuser"]) not in texts
    finally:
        again.stop()


def test_an_interrupted_change_of_the_superusers_password_is_finished(
    database: EmbeddedPostgres, folder: Path
) -> None:
    database.stop()
    make_older(database)
    path = database.data_dir / "server.json"
    # Written down, and killed before the server was told.
    write_json(path, read_json(path) | {"superuser": "the-next-one"})
    again = postgres(folder)
    try:
        again.start()
        psycopg.connect(again.url_as("postgres", "the-next-one")).close()
    finally:
        again.stop()


def test_a_password_goes_to_the_server_as_a_verifier(
    database: EmbeddedPostgres,
) -> None:
    with psycopg.connect(database.url) as connection:
        text = verifier(connection, "somebody", "my-pass-word").as_string(connection)
    assert text.startswith("'SCRAM-SHA-256$")
    assert "my-pass-word" not in text


# -- The whole of it -------------------------------------------------------------------


class Home:
    """The servers of a home, and the steps of ``make up`` that make its database."""

    def __init__(self, path: Path) -> None:
        self.environment = LocalEnvironment(path)
        self.manager = ProcessManager(path, lambda _line: None)
        self.preparation = Preparation(
            self.environment, self.manager, Terminal(io.StringIO())
        )

    def start(self) -> None:
        """Start the servers and bring the database up to date."""
        self.environment.prepare_home()
        vendor = self.environment.home / "vendor"
        if not vendor.is_symlink():
            vendor.symlink_to(HOME / "vendor")
        self.preparation.start_servers()
        self.environment.write()
        self.preparation.prepare_django()

    def manage(self, *words: str, owner: bool = False) -> str:
        """Run a command as the application, or with what the owner's commands take."""
        environment = self.environment
        more = environment.for_backups() if owner else {}
        return run_manage(
            *words,
            environment=environment.for_children() | more,
            log_path=environment.home / "log" / "test.log",
        )

    @property
    def url(self) -> str:
        """The address that the processes are given."""
        return self.environment.for_children()["DATABASE_URL"]


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("embedded")
def test_a_home_works_as_the_application_and_survives_kills_and_lost_files(
    folder: Path,
) -> None:
    home = Home(folder / "home")
    try:
        home.start()
        assert ask(home.url, "SELECT current_user") == [(APPLICATION,)]
        assert ask(home.url, "SELECT count(*) FROM signals") == [(0,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(home.url, "DROP TABLE signals")
        # The owner may hand on what the pages about statements need.
        assert ask(
            home.url, "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
        ) == [(True,)]
        made = json.loads(home.manage("backup", "--json", owner=True).splitlines()[-1])
        assert made["state"] == "good"
        home.manage("rotate_partitions")
        # No worker runs here, so nobody makes backups.
        asked = ("database", "backups.role", "backups.age", "backups.keys")
        report = json.loads(home.manage("doctor", *asked, "--json"))
        found = {each["check"]: each for each in report["checks"]}
        assert found["database.role"]["state"] == "ok", found["database.role"]
        assert found["database.statements"]["state"] == "ok"
        assert {each["state"] for each in found.values()} == {"ok"}, found
        os.kill(home.manager._slots["postgres"].managed.pid or 0, signal.SIGKILL)
    finally:
        home.manager.stop()
    # The role is there, and nobody knows its password any more.
    home.environment.application_password().unlink()
    again = Home(folder / "home")
    try:
        again.start()
        assert ask(again.url, "SELECT current_user") == [(APPLICATION,)]
        assert again.url in (again.environment.home / "local.env").read_text()
    finally:
        again.manager.stop()


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("embedded")
def test_a_home_of_an_earlier_release_is_upgraded_without_a_hand(folder: Path) -> None:
    home = folder / "home"
    home.mkdir()
    (home / MARKER).touch()
    server = postgres(home)
    make_older(server)
    # An earlier release migrated and worked as the owner, and wrote so down.
    (home / "local.env").write_text(f"DATABASE_URL={server.url}\n")
    upgraded = Home(home)
    try:
        upgraded.start()
        assert ask(upgraded.url, "SELECT current_user") == [(APPLICATION,)]
        owner = upgraded.environment.for_owner()["DATABASE_URL"]
        assert ask(owner, "SELECT current_user") == [(ROLE,)]
        assert checks.answers(owner)
        assert server.password not in (home / "local.env").read_text()
    finally:
        upgraded.manager.stop()
