"""The embedded servers start, keep their data, survive kills, and end with us."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import redis

from btc_watcher.local import ports
from btc_watcher.local.embedded import processes_inside
from btc_watcher.local.servers import ServerError
from tests.local.helpers import (
    is_gone,
    next_line,
    postgres,
    running_script,
    scratch_folder,
    valkey,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from btc_watcher.local.servers import EmbeddedPostgres, EmbeddedValkey

PARENT = """
import sys, time
from pathlib import Path
from tests.local.helpers import postgres, valkey
servers = [postgres(Path(sys.argv[1])), valkey(Path(sys.argv[1]))]
for server in servers:
    server.start()
print(*(server.pid for server in servers), flush=True)
time.sleep(600)
"""


@pytest.fixture
def database(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL of this test's own."""
    server = postgres(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL for tests that only look at it."""
    with scratch_folder() as path:
        server = postgres(path)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def queue(folder: Path) -> Iterator[EmbeddedValkey]:
    """A running Valkey of this test's own."""
    server = valkey(folder)
    server.start()
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, query: str) -> str:
    """Return the first value of the first row."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return "" if row is None else str(row[0])


def write(server: EmbeddedPostgres, statement: str) -> None:
    """Run a statement that returns no rows."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_postgres_serves_with_the_settings_that_the_product_counts_on(
    shared: EmbeddedPostgres,
) -> None:
    found = {
        name: ask(shared, f"SHOW {name}")
        for name in ("jit", "timezone", "max_connections", "listen_addresses")
    }
    assert found == {
        "jit": "off",
        "timezone": "UTC",
        "max_connections": "200",
        "listen_addresses": "127.0.0.1",
    }
    assert ask(shared, "SELECT count(*) >= 0 FROM pg_stat_statements") == "True"
    assert ask(shared, "SELECT rolsuper FROM pg_roles WHERE rolname = user") == "False"


def test_a_stopped_server_is_gone_and_can_be_stopped_again(
    database: EmbeddedPostgres, queue: EmbeddedValkey
) -> None:
    pids = [database.pid, queue.pid]
    for server in (database, queue, database, queue):
        server.stop()
    assert [database.pid, queue.pid] == [None, None]
    assert all(pid is not None and is_gone(pid) for pid in pids)


def test_data_and_port_survive_a_restart(
    folder: Path, database: EmbeddedPostgres
) -> None:
    write(database, "CREATE TABLE kept AS SELECT 42 AS answer")
    port = database.port
    database.stop()
    again = postgres(folder, port)
    try:
        again.start()
        assert again.port == port
        assert ask(again, "SELECT answer FROM kept") == "42"
    finally:
        again.stop()


def test_no_password_is_in_the_process_list_or_in_a_readable_file(
    shared: EmbeddedPostgres, queue: EmbeddedValkey
) -> None:
    for server in (shared, queue):
        assert server.pid is not None
        assert server.password not in " ".join(psutil.Process(server.pid).cmdline())
        for path in server.data_dir.glob("*"):
            if path.is_file() and server.password in path.read_text(encoding="utf-8"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(server.data_dir.stat().st_mode) & 0o066 == 0


def test_a_wrong_password_is_refused(
    shared: EmbeddedPostgres, queue: EmbeddedValkey
) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(shared.url.replace(shared.password, "guess"))
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(queue.url.replace(queue.password, "guess")).ping()


def test_postgres_never_runs_as_root(shared: EmbeddedPostgres) -> None:
    assert shared.pid is not None
    owner = psutil.Process(shared.pid).uids()
    assert 0 not in (owner.real, owner.effective, owner.saved)
    assert shared.cluster.stat().st_uid == owner.real


def test_a_folder_closed_to_others_is_opened_for_search_and_no_more(
    folder: Path,
) -> None:
    closed = folder / "closed" / "deeper"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    server = postgres(closed)
    try:
        server.start()
        mode = stat.S_IMODE(closed.parent.stat().st_mode)
    finally:
        server.stop()
    # An ordinary user's PostgreSQL is that same user, so nothing has to be opened.
    assert mode == (0o701 if os.geteuid() == 0 else 0o700)
    assert [str(closed.parent) in note for note in server.notes] == [True] * len(
        server.notes
    )


@pytest.mark.parametrize("make", [postgres, valkey])
def test_a_taken_port_makes_a_server_choose_another(
    folder: Path, make: type[EmbeddedPostgres | EmbeddedValkey]
) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as other:
        taken = other.getsockname()[1]
        server = make(folder, taken)
        try:
            server.start()
            assert server.port != taken
            assert f":{server.port}/" in server.url
        finally:
            server.stop()


def test_one_folder_has_one_owner_and_the_second_is_told(
    folder: Path, queue: EmbeddedValkey
) -> None:
    with pytest.raises(ServerError, match=f"{queue.data_dir}.* pid {queue.pid}"):
        valkey(folder).start()
    assert queue.alive


def test_a_stale_pid_file_that_names_a_stranger_is_no_obstacle(
    folder: Path, database: EmbeddedPostgres
) -> None:
    database.stop()
    stale = database.cluster / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{database.cluster}\n1\n1\n\n127.0.0.1\n\nready\n")
    database.start()
    assert ask(database, "SELECT 1") == "1"


def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    half = folder / "postgres" / "data"
    half.mkdir(parents=True)
    (half / "postgresql.conf").write_text("", encoding="utf-8")
    server = postgres(folder)
    try:
        server.start()
        assert ask(server, "SELECT current_database()") == "btc_watcher"
    finally:
        server.stop()


def test_a_left_over_is_known_by_its_file_whatever_link_leads_there(
    folder: Path,
) -> None:
    link = folder / "program"
    link.symlink_to(shutil.which("sleep", path="/usr/bin:/bin") or "")
    with subprocess.Popen([str(link), "600"], cwd=folder) as process:
        try:
            found = processes_inside(folder.resolve(), link)
            assert [each.pid for each in found] == [process.pid]
        finally:
            process.kill()


def test_a_server_that_cannot_start_shows_its_log(
    folder: Path, database: EmbeddedPostgres
) -> None:
    database.stop()
    (database.cluster / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServerError, match="no_such_setting"):
        database.start()
    assert not database.alive


@pytest.mark.faults
def test_a_killed_postgres_keeps_what_was_committed_and_its_orphans_are_ended(
    folder: Path,
) -> None:
    database = postgres(folder, throwaway=False)
    try:
        database.start()
        write(database, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert database.pid is not None
        with closing(psycopg.connect(database.url)) as busy:
            orphan = busy.info.backend_pid
            # A backend inside a long query does not notice its postmaster's death.
            busy.pgconn.send_query(
                b"SELECT count(*) FROM generate_series(1, 100000000000)"
            )
            os.kill(database.pid, signal.SIGKILL)
            wait_until(lambda: not database.alive, "killed")
            database.stop()
            database.start()
        assert is_gone(orphan)
        assert ask(database, "SELECT answer FROM kept") == "42"
    finally:
        database.stop()


@pytest.mark.faults
def test_a_killed_valkey_keeps_its_queues(folder: Path, queue: EmbeddedValkey) -> None:
    with redis.Redis.from_url(queue.url, decode_responses=True) as client:
        client.rpush("queue", "first", "second")
    assert queue.pid is not None
    os.kill(queue.pid, signal.SIGKILL)
    wait_until(lambda: not queue.alive, "killed")
    queue.stop()
    queue.start()
    with redis.Redis.from_url(queue.url, decode_responses=True) as client:
        assert client.lrange("queue", 0, -1) == ["first", "second"]


@pytest.mark.faults
def test_servers_end_with_a_parent_that_was_killed_and_start_again(
    folder: Path,
) -> None:
    with running_script(PARENT, str(folder)) as parent:
        pids = [int(word) for word in next_line(parent).split()]
        parent.kill()
        parent.wait()
        # The next run must cope with servers that are still ending.
        again = [postgres(folder), valkey(folder)]
        try:
            for server in again:
                server.start()
            assert all(is_gone(pid) for pid in pids)
            assert all(server.alive for server in again)
        finally:
            for server in again:
                server.stop()


@pytest.mark.faults
def test_a_left_over_server_is_ended_by_its_identity(folder: Path) -> None:
    """A stopped parent cannot end its servers, and its lock is gone with its death."""
    with running_script(PARENT, str(folder)) as parent:
        postmaster = int(next_line(parent).split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        parent.kill()
        parent.wait()
        again = postgres(folder)
        again.stop_steps = ((signal.SIGINT, 0.2), (signal.SIGKILL, 5.0))
        try:
            again.start()
            assert is_gone(postmaster)
        finally:
            again.stop()
