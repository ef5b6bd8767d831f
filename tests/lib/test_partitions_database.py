"""Partitions in a real PostgreSQL."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from btc_watcher.lib import patient_locks
from btc_watcher.lib.partitions import (
    PROXY_TESTS,
    SIGNALS,
    TABLES,
    Applied,
    PartitionError,
    Plan,
    apply,
    has_strays,
    month_start,
    months_ensure,
    plan,
    state_read,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

# Long ago, so that no other test and no clock meets these months.
JANUARY = date(2019, 1, 1)
DECEMBER = date(2018, 12, 1)


@pytest.fixture(autouse=True)
def _without_old_months() -> Iterator[None]:
    """Remove what a test made: emptying tables does not remove partitions."""
    yield
    for table in TABLES:
        old = [
            n
            for n in state_read(table).partitions
            if n < table.partition(date(2020, 1, 1))
        ]
        apply(Plan(table, drop=tuple(sorted(old))))


def query(text: str, *values: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall()) if cursor.description else []


def store(moment: str) -> None:
    query(
        "INSERT INTO proxy_test_history (test_time, success) VALUES (%s, true)", moment
    )


def places() -> list[tuple[object, ...]]:
    """Return the partition and the UTC time of every stored row."""
    return query(
        "SELECT tableoid::regclass::text, to_char(test_time AT TIME ZONE 'UTC',"
        " 'YYYY-MM-DD HH24:MI') FROM proxy_test_history ORDER BY test_time"
    )


def there_are(*names: str) -> set[str]:
    """Return those of ``names`` that are partitions."""
    return set(names) & state_read(PROXY_TESTS).partitions


@contextmanager
def held_by_another(statement: str) -> Iterator[None]:
    """Hold the locks of ``statement`` in an open transaction of another client."""
    parameters = connection.get_connection_params()
    settings = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(
        **{k: v for k, v in parameters.items() if k in settings}
    ) as other:
        other.execute(statement)
        yield
        other.rollback()


def test_migrations_made_the_current_month_and_three_ahead() -> None:
    today = timezone.now()
    for table in TABLES:
        wanted = {table.partition(month_start(today, n)) for n in range(4)}
        assert wanted <= state_read(table).partitions
        assert table.default in state_read(table).partitions


def test_a_month_takes_rows_from_its_first_moment_to_its_last_in_utc() -> None:
    assert months_ensure(PROXY_TESTS, [JANUARY]) == {JANUARY: 0}
    for moment in (
        "2018-12-31 23:59:59.999999+00",
        "2019-01-01 00:00:00+00",
        "2019-01-01 08:30:00+08:30",
        "2019-01-31 23:59:59.999999+00",
        "2019-02-01 00:00:00+00",
    ):
        store(moment)
    assert [name for name, _time in places()] == [
        "proxy_test_history_default",
        "proxy_test_history_2019_01",
        "proxy_test_history_2019_01",
        "proxy_test_history_2019_01",
        "proxy_test_history_default",
    ]


def test_the_session_time_zone_does_not_move_the_bounds() -> None:
    query("SET TIME ZONE 'Asia/Shanghai'")
    try:
        months_ensure(PROXY_TESTS, [JANUARY])
    finally:
        query("SET TIME ZONE 'UTC'")
    store("2018-12-31 20:00:00+00")
    assert places() == [("proxy_test_history_default", "2018-12-31 20:00")]


def test_ensuring_again_changes_nothing() -> None:
    months_ensure(PROXY_TESTS, [JANUARY, DECEMBER])
    before = state_read(PROXY_TESTS)
    assert months_ensure(PROXY_TESTS, [JANUARY, DECEMBER, JANUARY]) == {}
    assert state_read(PROXY_TESTS) == before
    assert months_ensure(PROXY_TESTS, []) == {}


def test_rows_in_the_safety_net_are_moved_into_their_month() -> None:
    store("2018-12-31 23:59+00")
    store("2019-01-15 12:00+00")
    store("2019-01-15 12:00+00")
    assert has_strays(PROXY_TESTS)
    assert state_read(PROXY_TESTS).strays == {DECEMBER: 1, JANUARY: 2}
    assert months_ensure(PROXY_TESTS, [JANUARY]) == {JANUARY: 2}
    assert places() == [
        ("proxy_test_history_default", "2018-12-31 23:59"),
        ("proxy_test_history_2019_01", "2019-01-15 12:00"),
        ("proxy_test_history_2019_01", "2019-01-15 12:00"),
    ]
    assert months_ensure(PROXY_TESTS, [DECEMBER]) == {DECEMBER: 1}
    assert not has_strays(PROXY_TESTS)


def test_a_row_for_which_no_month_can_be_made_stays_in_the_safety_net() -> None:
    store("infinity")
    assert has_strays(PROXY_TESTS)
    assert state_read(PROXY_TESTS).strays == {}
    query("TRUNCATE proxy_test_history")


def test_a_new_month_has_every_index_and_key_of_its_table() -> None:
    months_ensure(SIGNALS, [JANUARY])
    text = (
        "SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indrelid"
        " WHERE c.relname = %s"
    )
    assert query(text, "signals_2019_01") == query(text, "signals")
    constraints = (
        "SELECT contype::text, count(*) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype <> 'n' GROUP BY 1 ORDER BY 1"
    )
    assert query(constraints, "signals_2019_01") == query(constraints, "signals")
    assert query(
        "SELECT count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhparent"
        " WHERE inhparent IN (SELECT indexrelid FROM pg_index"
        " WHERE indrelid = 'signals'::regclass)"
        " AND inhrelid IN (SELECT indexrelid FROM pg_index"
        " WHERE indrelid = 'signals_2019_01'::regclass)"
    ) == query(text, "signals")


def test_a_table_left_behind_unattached_is_taken_into_use() -> None:
    query(
        "CREATE TABLE proxy_test_history_2019_01 (LIKE proxy_test_history INCLUDING ALL)"
    )
    store("2019-01-02 00:00+00")
    assert months_ensure(PROXY_TESTS, [JANUARY]) == {JANUARY: 1}
    assert places() == [("proxy_test_history_2019_01", "2019-01-02 00:00")]


def test_two_callers_at_once_make_one_partition_and_both_succeed() -> None:
    for day in range(1, 29):
        store(f"2019-01-{day:02} 00:00+00")
    barrier = threading.Barrier(4)
    made: list[dict[date, int]] = []
    failed: list[BaseException] = []

    def call() -> None:
        close_old_connections()
        try:
            barrier.wait(timeout=10)
            made.append(months_ensure(PROXY_TESTS, [DECEMBER, JANUARY]))
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failed == []
    assert len(made) == 4
    assert sorted(rows for answer in made for rows in answer.values()) == [0, 28]
    assert not has_strays(PROXY_TESTS)
    assert len(places()) == 28


def test_rows_arriving_meanwhile_are_neither_lost_nor_refused() -> None:
    stop = threading.Event()
    stored: list[int] = []
    failed: list[BaseException] = []

    def insert() -> None:
        try:
            while not stop.is_set():
                store("2019-01-20 00:00+00")
                stored.append(1)
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=insert)
    thread.start()
    while len(stored) < 20 and not failed:
        stop.wait(0.001)
    months_ensure(PROXY_TESTS, [JANUARY])
    after = len(stored)
    while len(stored) < after + 20 and not failed:
        stop.wait(0.001)
    stop.set()
    thread.join(timeout=10)
    assert failed == []
    assert [name for name, _time in places()] == ["proxy_test_history_2019_01"] * len(
        stored
    )


def test_a_lock_held_by_another_is_waited_for_and_then_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patient_locks, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(patient_locks, "ATTEMPTS", 2)
    monkeypatch.setattr(patient_locks, "FIRST_PAUSE_SECONDS", 0.01)
    with (
        held_by_another("SELECT FROM proxy_test_history_default"),
        pytest.raises(PartitionError, match="proxy_test_history") as told,
    ):
        months_ensure(PROXY_TESTS, [JANUARY])
    assert "pg_stat_activity" in told.value.message
    assert not there_are("proxy_test_history_2019_01")
    assert months_ensure(PROXY_TESTS, [JANUARY]) == {JANUARY: 0}


def test_a_lock_that_becomes_free_in_time_is_got(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patient_locks, "LOCK_TIMEOUT", "100ms")
    done = threading.Event()
    made: list[dict[date, int]] = []

    def call() -> None:
        try:
            made.append(months_ensure(PROXY_TESTS, [JANUARY]))
        finally:
            connection.close()
            done.set()

    thread = threading.Thread(target=call)
    with held_by_another("SELECT FROM proxy_test_history_default"):
        thread.start()
        # Longer than one wait for the lock: at least the first attempt fails.
        assert not done.wait(0.3)
    thread.join(timeout=30)
    assert made == [{JANUARY: 0}]


def test_the_caller_keeps_its_own_lock_timeout() -> None:
    with transaction.atomic():
        query("SET LOCAL lock_timeout = '7s'")
        months_ensure(PROXY_TESTS, [JANUARY])
        assert query("SHOW lock_timeout") == [("7s",)]


def test_a_failure_inside_a_transaction_takes_the_month_back_with_it() -> None:
    with transaction.atomic():
        months_ensure(PROXY_TESTS, [JANUARY])
        assert there_are("proxy_test_history_2019_01")
        transaction.set_rollback(True)
    assert not there_are("proxy_test_history_2019_01")


def test_old_months_are_dropped_after_the_new_ones_are_made() -> None:
    months_ensure(PROXY_TESTS, [DECEMBER, JANUARY])
    store("2018-12-10 00:00+00")
    store("2019-01-10 00:00+00")
    made = plan(
        PROXY_TESTS,
        state_read(PROXY_TESTS),
        today=date(2019, 2, 20),
        months_kept=1,
    )
    assert made.drop == ("proxy_test_history_2018_12",)
    applied = apply(made)
    assert applied == Applied(
        dict.fromkeys([date(2019, m, 1) for m in (2, 3, 4, 5)], 0),
        ("proxy_test_history_2018_12",),
    )
    assert places() == [("proxy_test_history_2019_01", "2019-01-10 00:00")]
    assert query("SELECT to_regclass('proxy_test_history_2018_12')") == [(None,)]
    # Applied a second time, as after a crash between plan and report.
    assert apply(made) == Applied({}, ())
