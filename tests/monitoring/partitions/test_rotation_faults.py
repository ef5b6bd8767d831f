"""Rotation when things go wrong: killed, twice at once, interrupted, clocks."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from psycopg import sql

from btc_watcher.lib import partition_concurrent, partitions, patient_locks
from btc_watcher.lib.partitions import (
    NOTIFICATIONS,
    PROXY_TESTS,
    SIGNALS,
    TABLES,
    PartitionError,
    month_start,
    months_ensure,
    state_read,
)
from monitoring.partitions.rotation import TableRotation, partitions_rotate
from signals_app.services import signals_record
from tests.lib.test_partitions_database import held_by_another
from tests.monitoring.usual_months import months_usual
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

OLD = date(2019, 1, 1)
OLD_NAME = "proxy_test_history_2019_01"


def query(text: str, *arguments: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, arguments or None)
        return [] if cursor.description is None else cursor.fetchall()


@pytest.fixture(autouse=True)
def _as_before(settings: Settings) -> Iterator[None]:
    """Leave the partitions as they were."""
    settings.PARTITION_KEEP_DETACHED = False
    months_usual()
    before = {table: state_read(table).partitions for table in TABLES}
    yield
    for table, names in before.items():
        state = state_read(table)
        for name in state.pending:
            partitions.finalize(table, name, keep=False)
        query(f"TRUNCATE {table.name}")
        if table.default not in state_read(table).partitions:
            query(f"CREATE TABLE {table.default} PARTITION OF {table.name} DEFAULT")
        for name in state_read(table).partitions - names:
            partitions.retire(table, name)
        lost = names - state_read(table).partitions
        months_ensure(table, [partitions.month_of(n) for n in lost])
    kept = "SELECT relname FROM pg_class WHERE relname ~ '_(kept|going)$'"
    for (name,) in query(f"{kept} AND relkind = 'r'"):
        query(f"DROP TABLE {name}")


def store(moment: str) -> None:
    query(
        "INSERT INTO proxy_test_history (test_time, success) VALUES (%s, true)", moment
    )


def rows_of(name: str) -> int:
    text = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
    with connection.cursor() as cursor:
        cursor.execute(text)
        return int(cursor.fetchall()[0][0])


def by_table(done: list[TableRotation]) -> dict[str, TableRotation]:
    return {rotation.plan.table.name: rotation for rotation in done}


@contextmanager
def another() -> Iterator[psycopg.Connection]:
    """A second client of the same database."""
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(
        **{key: parameters[key] for key in names if key in parameters}, autocommit=True
    ) as client:
        yield client


def test_a_drop_that_fails_stops_neither_creation_nor_other_drops(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_locks, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(patient_locks, "ATTEMPTS", 1)
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6, "signals": 6}
    months_ensure(SIGNALS, [OLD])
    months_ensure(PROXY_TESTS, [OLD, date(2019, 2, 1)])
    query("DROP TABLE proxy_test_history_2019_02")
    months_ensure(PROXY_TESTS, [date(2019, 3, 1)])
    today = month_start(timezone.now(), 2)
    with held_by_another("SELECT FROM proxy_test_history_2019_01"):
        done = by_table(partitions_rotate(today=today))
    assert OLD_NAME not in done["proxy_test_history"].figures()["dropped"]
    assert "pg_stat_activity" in done["proxy_test_history"].error
    assert done["signals"].figures()["dropped"] == ["signals_2019_01"]
    for table in TABLES:
        newest = table.partition(month_start(today, table.months_ahead))
        assert newest in done[table.name].figures()["created"]
    again = by_table(partitions_rotate())["proxy_test_history"]
    assert OLD_NAME in again.figures()["dropped"]
    assert again.error == ""


def test_a_gap_is_filled() -> None:
    hole = month_start(timezone.now(), -2)
    months_ensure(PROXY_TESTS, [month_start(hole, -1)])
    done = by_table(partitions_rotate())["proxy_test_history"].figures()
    assert PROXY_TESTS.partition(hole) in done["created"]
    assert partitions_rotate(dry_run=True)[2].figures()["plan"] == []


def test_a_second_rotation_at_the_same_time_does_nothing_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered, leave = threading.Event(), threading.Event()
    create = partitions.months_ensure
    first: list[TableRotation] = []

    def slowly(*arguments: Any, **named: Any) -> dict[date, int]:
        entered.set()
        leave.wait(timeout=30)
        return create(*arguments, **named)

    monkeypatch.setattr(partitions, "months_ensure", slowly)
    today = month_start(timezone.now(), 1)

    def rotate() -> None:
        try:
            first.extend(partitions_rotate(today=today))
        finally:
            connection.close()

    thread = threading.Thread(target=rotate)
    thread.start()
    assert entered.wait(timeout=30)
    second = partitions_rotate(today=today)
    leave.set()
    thread.join(timeout=60)
    assert all(rotation.busy and rotation.applied is None for rotation in second)
    assert [len(r.figures()["created"]) for r in first] == [1] * len(TABLES)
    assert not any(rotation.busy for rotation in partitions_rotate(today=today))


def test_a_rotation_that_dies_with_its_connection_frees_the_next_one() -> None:
    with another() as client:
        client.execute(
            "SELECT pg_try_advisory_lock(hashtext('monthly partitions'),"
            " hashtext('rotation'))"
        )
        assert all(rotation.busy for rotation in partitions_rotate())
        pid = client.info.backend_pid
        query("SELECT pg_terminate_backend(%s)", pid)
        deadline = time.monotonic() + 10
        while any(r.busy for r in partitions_rotate()):
            assert time.monotonic() < deadline


def test_killed_between_detach_and_drop_the_next_rotation_drops_it(
    settings: Settings,
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6}
    months_ensure(PROXY_TESTS, [OLD])
    store("2019-01-05 00:00+00")
    query("SELECT btcw_partition_detach('proxy_test_history', '2019-01-01', false)")
    assert state_read(PROXY_TESTS).leftovers == {f"{OLD_NAME}_going"}
    planned = partitions_rotate(dry_run=True)[2].figures()["plan"]
    assert f"drop the leftover {OLD_NAME}_going" in planned
    done = by_table(partitions_rotate())["proxy_test_history"].figures()
    assert done["discarded"] == [f"{OLD_NAME}_going"]
    assert query(f"SELECT to_regclass('{OLD_NAME}_going')") == [(None,)]


def test_killed_in_the_detach_itself_nothing_has_happened(settings: Settings) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6}
    months_ensure(PROXY_TESTS, [OLD])
    store("2019-01-05 00:00+00")
    with another() as client:
        client.autocommit = False
        client.execute(
            "SELECT btcw_partition_detach('proxy_test_history', '2019-01-01', false)"
        )
        query("SELECT pg_terminate_backend(%s)", client.info.backend_pid)
        client.close()
    assert query("SELECT count(*) FROM proxy_test_history") == [(1,)]
    done = by_table(partitions_rotate())["proxy_test_history"].figures()
    assert done["dropped"] == [OLD_NAME]


def test_a_month_may_be_kept_detached_and_names_no_row_that_others_need(
    settings: Settings,
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6}
    settings.PARTITION_KEEP_DETACHED = True
    for _ in range(2):
        months_ensure(PROXY_TESTS, [OLD])
        store("2019-01-05 00:00+00")
        partitions_rotate()
    assert rows_of(f"{OLD_NAME}_kept") == 1
    assert rows_of(f"{OLD_NAME}_kept_2") == 1
    assert query("SELECT count(*) FROM proxy_test_history") == [(0,)]
    foreign = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid ="
    assert query(f"{foreign} '{OLD_NAME}_kept'::regclass") == [(0,)]
    query(f"DROP TABLE {OLD_NAME}_kept, {OLD_NAME}_kept_2")


def interrupt_detach(name: str) -> None:
    """Leave the month ``name`` in the middle of a DETACH CONCURRENTLY."""
    with (
        held_by_another("SELECT count(*) FROM proxy_test_history"),
        another() as client,
    ):
        client.execute("SET lock_timeout = '300ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            client.execute(
                f"ALTER TABLE proxy_test_history DETACH PARTITION {name} CONCURRENTLY"
            )
    assert state_read(PROXY_TESTS).pending == {name}


def test_postgresql_refuses_a_concurrent_detach_beside_a_safety_net() -> None:
    months_ensure(PROXY_TESTS, [OLD])
    with (
        another() as client,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="default"),
    ):
        client.execute(
            f"ALTER TABLE proxy_test_history DETACH PARTITION {OLD_NAME} CONCURRENTLY"
        )


def test_an_interrupted_concurrent_detach_is_finished_and_its_rows_are_kept() -> None:
    current = PROXY_TESTS.partition(month_start(timezone.now()))
    store(timezone.now().isoformat())
    query("DROP TABLE proxy_test_history_default")
    interrupt_detach(current)
    query(
        "CREATE TABLE proxy_test_history_default PARTITION OF proxy_test_history DEFAULT"
    )
    done = by_table(partitions_rotate())["proxy_test_history"].figures()
    assert done["finished"] == [current]
    # Nobody asked for this month to go: it is kept, and a new one takes its place.
    assert rows_of(f"{current}_kept") == 1
    assert done["created"] == [current]
    store(timezone.now().isoformat())
    query(f"DROP TABLE {current}_kept")


def test_without_a_safety_net_months_are_detached_concurrently(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6}
    monkeypatch.setattr(patient_locks, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(partition_concurrent, "PAUSE_SECONDS", 0.05)
    months_ensure(PROXY_TESTS, [OLD])
    query("DROP TABLE proxy_test_history_default")
    with held_by_another("SELECT count(*) FROM proxy_test_history"):
        done = by_table(partitions_rotate())["proxy_test_history"]
    assert "did not end" in done.error
    assert state_read(PROXY_TESTS).pending == {OLD_NAME}
    # The next one finds what was interrupted, and finishes it.
    done = by_table(partitions_rotate())["proxy_test_history"]
    assert done.error == ""
    assert done.figures()["finished"] == [OLD_NAME]
    months_ensure(PROXY_TESTS, [OLD])
    assert by_table(partitions_rotate())["proxy_test_history"].figures()["dropped"] == [
        OLD_NAME
    ]
    assert query(f"SELECT to_regclass('{OLD_NAME}')") == [(None,)]


def test_a_clock_that_crosses_the_months_end_makes_the_next_month_and_drops_one(
    settings: Settings,
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 1}
    months = [date(2019, month, 1) for month in (1, 2)]
    months_ensure(PROXY_TESTS, months)
    before = datetime(2019, 2, 28, 23, 59, 59, tzinfo=UTC)
    after = datetime(2019, 3, 1, 0, 0, 0, tzinfo=UTC)
    first = by_table(partitions_rotate(today=before))["proxy_test_history"].figures()
    assert first["dropped"] == []
    second = by_table(partitions_rotate(today=after))["proxy_test_history"].figures()
    assert second["dropped"] == [OLD_NAME]
    assert "proxy_test_history_2019_06" in second["created"]
    # Set back again: nothing that was made is lost, nothing is dropped.
    third = by_table(partitions_rotate(today=before))["proxy_test_history"].figures()
    assert third["dropped"] == []


def test_a_clock_far_ahead_removes_nothing_that_the_database_calls_new(
    settings: Settings,
) -> None:
    settings.PARTITION_MONTHS_KEPT = {table.name: 1 for table in TABLES}
    now = timezone.now()
    store(now.isoformat())
    done = partitions_rotate(today=month_start(now, 30))
    current = PROXY_TESTS.partition(month_start(now))
    assert current in state_read(PROXY_TESTS).partitions
    assert "clock" in by_table(done)["proxy_test_history"].error
    assert query("SELECT count(*) FROM proxy_test_history") == [(1,)]


def test_the_function_itself_refuses_to_retire_a_new_month_with_rows() -> None:
    store(timezone.now().isoformat())
    name = PROXY_TESTS.partition(month_start(timezone.now()))
    with pytest.raises(PartitionError, match="too new"):
        partitions.retire(PROXY_TESTS, name)
    assert name in state_read(PROXY_TESTS).partitions
    with pytest.raises(PartitionError, match="not a table that may be discarded"):
        partitions.discard(PROXY_TESTS, "accounts_user")


def test_many_strays_are_moved_by_the_rotation(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(partitions, "DIRECT_ROWS", 10)
    query(
        "INSERT INTO proxy_test_history (test_time, success) SELECT '2019-01-05', true"
        " FROM generate_series(1, 500)"
    )
    with caplog.at_level(logging.INFO):
        done = by_table(partitions_rotate())["proxy_test_history"].figures()
    assert done["created"] == [OLD_NAME]
    assert done["moved_rows"] == 500
    assert "Moved 500 rows" in caplog.text
    assert rows_of(OLD_NAME) == 500
    assert NOTIFICATIONS.default in state_read(NOTIFICATIONS).partitions


def test_a_signal_whose_month_cannot_be_made_now_is_stored_and_moved_later(
    monkeypatch: pytest.MonkeyPatch, redis_client: Any
) -> None:
    monkeypatch.setattr("signals_app.services._months_known", set())
    old = candidate(timestamp=datetime(2019, 1, 5, tzinfo=UTC))
    with monkeypatch.context() as patched:
        patched.setattr(patient_locks, "LOCK_TIMEOUT", "20ms")
        patched.setattr(patient_locks, "ATTEMPTS", 1)
        # As a backup holds it, for as long as it takes.
        with held_by_another("SELECT FROM signals_default"):
            assert signals_record([old]).created == 1
            assert signals_record([old]).created == 0
    assert rows_of("signals_default") == 1
    done = by_table(partitions_rotate())["signals"].figures()
    assert (done["created"], done["moved_rows"]) == (["signals_2019_01"], 1)
    assert signals_record([old]).created == 0
    assert rows_of("signals_2019_01") == 1
