"""What could make a good backup bad, or a bad one look good; and who may read it."""

from __future__ import annotations

import contextlib
import json
import stat
import threading
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.facts import RequestFacts
from accounts.models import User
from accounts.services import token_create
from btc_watcher.lib import partitions
from btc_watcher.lib.partition_functions import CALLABLE
from btc_watcher.lib.partitions import PROXY_TESTS
from monitoring.backups import restoring, snapshot
from monitoring.backups.cache import MAGIC
from monitoring.backups.children import Child
from monitoring.backups.dumping import TableCounter
from monitoring.backups.manifest import manifest_write
from monitoring.backups.servers import FOR_PROGRAMS
from monitoring.backups.services import (
    backup_make,
    backup_restore,
    backup_try,
    backups_watch,
)
from monitoring.backups.shapes import BackupError, State, nobody_listens
from monitoring.backups.tools import tools_for
from monitoring.roles.setup import roles_setup
from notifications.services.channels import channel_create
from proxies.services.changing import proxy_create
from tests.monitoring.backups.conftest import counts, databases
from tests.monitoring.backups.looking import alerts, file_of, run
from tests.monitoring.roles.conftest import APPLICATION, query, role_drop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis
    from pytest_django import Settings

    from monitoring.backups.servers import Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("folder"),
]

PASSWORD = "a-password-that-nobody-may-read"
OTHER_PASSWORD = "another-that-nobody-may-read"


def test_a_folder_that_cannot_be_used_is_told(
    server: Server, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    settings.BACKUP_FOLDER = str(tmp_path / "file" / "backups")
    with pytest.raises(BackupError, match="cannot be made"):
        backup_make()
    assert "backup:failed" in alerts()
    # The hourly round asks for the run that is missing, and does not fall over.
    assert backups_watch()


def test_a_folder_that_everybody_may_write_to_is_refused(
    server: Server, folder: Path
) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(BackupError, match="chmod 700"):
        backup_make()
    assert "backup:failed" in alerts()


def test_a_round_during_a_trial_does_not_call_it_untried(rows: int) -> None:
    seen: list[dict[str, str]] = []

    def look(title: str, _detail: str) -> None:
        if title == "Making a database to restore into":
            assert not backups_watch()
            seen.append(alerts())

    assert backup_make(say=look).state is State.GOOD
    assert seen == [{}]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("postgres", "the server's"),
        ("template1", "the server's"),
        ("btcw_scratch_mine", "our own"),
        ("n" * 64, "at most 63"),
    ],
)
def test_a_restore_does_not_go_where_it_must_not(
    rows: int, server: Server, name: str, words: str
) -> None:
    backup = backup_make(trial=False)
    before = name in databases(server, "")
    with pytest.raises(CommandError, match=words):
        run("restore", backup.name, "--into", name, "--yes-really")
    assert (name in databases(server, "")) == before


def test_messages_that_nobody_can_take_end_the_program_and_do_not_stop_it_for_ever() -> (
    None
):
    def deaf(_line: str) -> None:
        raise BrokenPipeError

    # More than a pipe holds.
    noise = ["/bin/sh", "-c", "yes 'sh: a line of messages' | head -c 3000000 >&2"]
    with (
        Child(noise, FOR_PROGRAMS, on_line=deaf) as child,
        pytest.raises(BrokenPipeError),
    ):
        child.succeed()


def test_a_pg_restore_that_is_killed_is_no_success_whatever_it_said_before(
    tmp_path: Path,
) -> None:
    says = "sh: error: unrecognized configuration parameter"
    for end, works in (("exit 1", True), ("kill -9 $$", False), ("exit 3", False)):
        command = ["/bin/sh", "-c", f"echo '{says}' >&2; {end}"]
        arguments = (command, tmp_path / "database.dump", FOR_PROGRAMS, TableCounter(0))
        if works:
            restoring._run(*arguments, nobody_listens)
            continue
        with pytest.raises(BackupError, match="exit code"):
            restoring._run(*arguments, nobody_listens)


def test_redis_may_fail_in_any_way_and_the_manifest_says_so(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_write: Any) -> int:
        raise ValueError("an address that nobody can read")

    monkeypatch.setattr("monitoring.backups.dumping.snapshot_read", broken)
    backup = backup_make()
    assert backup.state is State.GOOD
    assert backup.manifest is not None
    assert backup.manifest.redis_missing == "Redis gave no snapshot (ValueError)."
    assert set(backup.manifest.files) == {"database.dump"}


def test_redis_flushed_while_a_backup_is_made_harms_nothing(
    rows: int, redis_client: redis.Redis, server: Server
) -> None:
    stop = threading.Event()

    def flush() -> None:
        while not stop.is_set():
            redis_client.set("kept", "x" * 10_000)
            redis_client.flushdb()

    thread = threading.Thread(target=flush)
    thread.start()
    try:
        backup = backup_make()
    finally:
        stop.set()
        thread.join()
    assert backup.state is State.GOOD, backup.error
    assert backup.manifest is not None
    assert backup.manifest.tables == counts(server)


def dumped(path: Path) -> str:
    """Return the whole dump as SQL."""
    major = connection.cursor().connection.info.server_version // 10_000
    command = [tools_for(major).restore, "--file=-", str(path)]
    with Child(command, FOR_PROGRAMS) as child:
        text = child.output.read().decode()
        child.succeed()
    return text


def test_secrets_in_a_dump_are_the_encrypted_columns_only(
    rows: int, redis_client: redis.Redis, tmp_path: Path
) -> None:
    session = SessionStore()
    session["who"] = "somebody"
    session.create()
    config = {"host": "127.0.0.1", "port": 25, "from": "a@b.cc", "to": ["d@e.ff"]}
    config |= {"username": "me", "password": PASSWORD, "security": "none"}
    channel_create(name="mail", type="email", config=config, rate_limit_config={})
    login = {"username": "me", "password": OTHER_PASSWORD}
    proxy_create(name="way out", type="http", host="127.0.0.1", port=1, **login)
    user = User.objects.create_user("mei")
    _row, token = token_create(user=user, facts=RequestFacts(None, "curl"), days=1)
    query(
        "INSERT INTO proxy_test_history (test_time, success, error_message)"
        " VALUES (now(), true, 'this is in the dump')"
    )
    redis_client.set("session", str(session.session_key))
    backup = backup_make()
    assert backup.state is State.GOOD, backup.error
    text = dumped(file_of(backup))
    assert "this is in the dump" in text
    for secret in (PASSWORD, OTHER_PASSWORD, token, str(session.session_key)):
        assert secret not in text
        assert secret.encode() not in file_of(backup, "redis").read_bytes()
    assert backup.manifest is not None
    assert backup.manifest.tables["public.django_session"] == 0


def test_a_sealed_file_is_opened_by_the_command(
    rows: int, redis_client: redis.Redis, tmp_path: Path
) -> None:
    redis_client.set("kept", "x" * 1000)
    sealed = file_of(backup_make(trial=False), "redis")
    target = tmp_path / "dump.rdb"
    with pytest.raises(CommandError, match="--output"):
        run("backups", "--open", str(sealed))
    words = ("backups", "--open", str(sealed), "--output", str(target), "--json")
    assert json.loads(run(*words))["bytes"] == target.stat().st_size
    assert target.read_bytes().startswith(MAGIC)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    # Never over what is there, and nothing is left of what is damaged.
    with pytest.raises(CommandError, match="File exists"):
        run("backups", "--open", str(sealed), "--output", str(target))
    data = bytearray(sealed.read_bytes())
    data[-1] ^= 1
    sealed.write_bytes(data)
    other = tmp_path / "other.rdb"
    with pytest.raises(CommandError, match="damaged"):
        run("backups", "--open", str(sealed), "--output", str(other))
    assert not other.exists()


@pytest.fixture
def password(server: Server, other: str) -> Iterator[str]:
    """The password of the application role, made by setup_roles."""
    yield roles_setup(application=APPLICATION).passwords[APPLICATION]
    with contextlib.closing(server.maintenance()) as maintenance:
        for name in databases(server, other):
            maintenance.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    role_drop(APPLICATION)
    database = connection.settings_dict["NAME"]
    query(f'GRANT TEMPORARY ON DATABASE "{database}" TO PUBLIC')


def may(server: Server, database: str, role: str) -> dict[str, Any]:
    """Return what ``role`` may do in ``database``, and what its sessions begin with."""
    with contextlib.closing(server.connect(database)) as there:
        row = there.execute(
            "SELECT has_database_privilege(%(r)s, current_database(), 'TEMPORARY'),"
            " has_table_privilege(%(r)s, 'signals', 'INSERT'),"
            " has_function_privilege(%(r)s, %(f)s, 'EXECUTE'),"
            " (SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d"
            "  ON d.oid = setdatabase WHERE datname = current_database())",
            {"r": role, "f": CALLABLE[0]},
        ).fetchone()
    assert row is not None
    words = ("temporary", "rows", "upkeep", "settings")
    return dict(zip(words, row, strict=True))


def test_the_application_role_may_do_the_same_after_a_restore(
    rows: int, server: Server, other: str, password: str
) -> None:
    before = may(server, server.database, APPLICATION)
    assert before == {"temporary": False, "rows": True, "upkeep": True, "settings": 1}
    backup = backup_make(trial=False)
    restored = backup_restore(backup.name, into=other)
    assert restored.notes == ()
    assert may(server, other, APPLICATION) == before
    login: dict[str, Any] = {"user": APPLICATION, "password": password, "dbname": other}
    with psycopg.connect(**{**server.parameters, **login}) as there:
        assert there.execute("SHOW statement_timeout").fetchone() == ("1min",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            there.execute("CREATE TEMPORARY TABLE mine (a int)")


def test_without_rights_nobody_may_call_the_functions_of_the_owner(
    rows: int, server: Server, other: str, password: str
) -> None:
    backup = backup_make(trial=False)
    backup_restore(backup.name, into=other, rights=False)
    found = may(server, other, APPLICATION)
    assert (found["rows"], found["upkeep"]) == (False, False)
    with contextlib.closing(server.connect(other)) as there:
        open_to_all = there.execute(
            "SELECT proname FROM pg_proc WHERE proname ~ '^btcw' AND prosecdef"
            " AND has_function_privilege('public', oid, 'EXECUTE')"
        ).fetchall()
    assert open_to_all == []


def test_setup_roles_closes_functions_that_stood_open(password: str) -> None:
    query(f"GRANT EXECUTE ON FUNCTION {CALLABLE[1]} TO PUBLIC")
    call_command("setup_roles", f"--application={APPLICATION}")
    asked = "SELECT has_function_privilege('public', %s, 'EXECUTE')"
    assert query(asked, CALLABLE[1]) == [(False,)]
    assert query(asked.replace("'public'", f"'{APPLICATION}'"), CALLABLE[1]) == [
        (True,)
    ]


def test_a_backup_that_is_tried_again_after_damage_is_good_no_more(rows: int) -> None:
    backup = backup_make()
    assert backup.state is State.GOOD
    path = file_of(backup)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert backup_try(backup.name).state is State.TRIAL_FAILED
    with pytest.raises(BackupError, match="checksum"):
        backup_restore(backup.name, into="btcw_never_made")


def test_a_month_that_is_made_while_the_tables_are_listed_is_saved_and_counted(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = snapshot.tables_of
    made: list[str] = []

    def slowly(connection: psycopg.Connection) -> list[tuple[str, str]]:
        tables = listed(connection)
        if not made:
            made.append(PROXY_TESTS.partition(date(2019, 1, 1)))
            partitions.months_ensure(PROXY_TESTS, [date(2019, 1, 1)])
            query(
                "INSERT INTO proxy_test_history (test_time, success)"
                " VALUES ('2019-01-05', true)"
            )
        return tables

    monkeypatch.setattr(snapshot, "tables_of", slowly)
    try:
        backup = backup_make()
        assert backup.state is State.GOOD, backup.error
        assert backup.manifest is not None
        assert backup.manifest.tables[f"public.{made[0]}"] == 1
    finally:
        query(f"DROP TABLE {made[0]}")


@pytest.mark.parametrize(
    ("name", "words"),
    [("0001_initial", "run manage.py migrate"), ("9999_later", "A newer version")],
)
def test_a_backup_of_another_version_says_so_when_it_is_restored(
    rows: int, other: str, name: str, words: str
) -> None:
    backup = backup_make(trial=False)
    assert backup.manifest is not None
    migrations = {**backup.manifest.migrations, "monitoring": name}
    text = manifest_write(replace(backup.manifest, migrations=migrations))
    (backup.path / "manifest.json").write_text(text, encoding="utf-8")
    assert words in run("restore", backup.name, "--into", other)
