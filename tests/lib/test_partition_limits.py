"""What the functions inside PostgreSQL refuse, and what odd names and leftovers do."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from btc_watcher.lib import partitions
from btc_watcher.lib.locks import PARTITION_MOVER
from btc_watcher.lib.partition_mover import strays_move
from btc_watcher.lib.partitions import (
    PROXY_TESTS,
    TABLES,
    PartitionError,
    State,
    month_start,
    plan,
    state_read,
)
from monitoring.partitions.rotation import partitions_rotate
from monitoring.partitions.selectors import partitions_list
from tests.lib.test_partitions_database import held_by_another

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

JANUARY = date(2019, 1, 1)
OLD = PROXY_TESTS.partition(JANUARY)


def query(text: str, *arguments: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, arguments or None)
        return [] if cursor.description is None else cursor.fetchall()


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    before = {table: state_read(table).partitions for table in TABLES}
    yield
    query("DROP VIEW IF EXISTS in_the_way")
    query("SELECT btcw_mover_clear('proxy_test_history')")
    query("TRUNCATE proxy_test_history")
    for name in state_read(PROXY_TESTS).leftovers:
        partitions.discard(PROXY_TESTS, name)
    for table, names in before.items():
        for name in state_read(table).partitions - names:
            query(f"DROP TABLE {name}")


def fill(rows: int) -> None:
    query(
        "INSERT INTO proxy_test_history (test_time, success)"
        " SELECT '2019-01-05', true FROM generate_series(1, %s)",
        rows,
    )


@pytest.mark.parametrize(
    "month", ["'{month} BC'", "'infinity'", "'-infinity'", "'12026-11-01'", "NULL"]
)
def test_a_month_out_of_range_is_refused_and_names_no_other(month: str) -> None:
    # "2026-11-01 BC" is written 2026_11 too, and is long over.
    current = month_start(timezone.now())
    text = month.format(month=current)
    query("INSERT INTO proxy_test_history (test_time, success) VALUES (now(), true)")
    for call in (
        "btcw_partition_create('proxy_test_history', {}, 1)",
        "btcw_partition_detach('proxy_test_history', {}, false)",
        "btcw_partition_finalize('proxy_test_history', {}, false)",
        "btcw_mover_start('proxy_test_history', ARRAY[{}::date])",
    ):
        with suppress(DatabaseError):
            # NULL names nothing, and does nothing.
            assert query(f"SELECT {call.format(text)}") == [(None,)]
    assert PROXY_TESTS.partition(current) in state_read(PROXY_TESTS).partitions
    assert query("SELECT count(*) FROM proxy_test_history") == [(1,)]


def test_a_shadow_that_was_not_copied_to_the_end_takes_no_place() -> None:
    fill(50)
    partitions.called(PROXY_TESTS, "btcw_mover_start", [JANUARY])
    with pytest.raises(PartitionError, match="not copied to the end"):
        partitions.called(PROXY_TESTS, "btcw_mover_finish")
    query("SELECT btcw_mover_copy('proxy_test_history', NULL, NULL, 20)")
    with pytest.raises(PartitionError, match="not copied to the end"):
        partitions.called(PROXY_TESTS, "btcw_mover_finish")
    assert query("SELECT count(*) FROM proxy_test_history") == [(50,)]
    assert strays_move(PROXY_TESTS, [JANUARY]) == 50


def test_two_movers_of_one_table_are_never_at_work_at_once() -> None:
    fill(5)
    lock = PARTITION_MOVER.key.replace("%s", "'proxy_test_history'")
    with (
        held_by_another(f"SELECT pg_advisory_xact_lock({lock})"),
        pytest.raises(PartitionError, match="Another process is moving"),
    ):
        strays_move(PROXY_TESTS, [JANUARY])
    assert strays_move(PROXY_TESTS, [JANUARY]) == 5


def test_what_a_killed_mover_left_goes_even_when_nothing_is_left_to_move() -> None:
    fill(5)
    partitions.called(PROXY_TESTS, "btcw_mover_start", [JANUARY])
    query("TRUNCATE proxy_test_history_default")
    planned = partitions_rotate(dry_run=True)[2].figures()["plan"]
    assert "remove what a killed mover left (proxy_test_history_moving)" in planned
    assert partitions_rotate()[2].error == ""
    assert query("SELECT to_regclass('proxy_test_history_moving')") == [(None,)]
    assert query("SELECT FROM pg_trigger WHERE tgname = 'btcw_mover'") == []
    assert not state_read(PROXY_TESTS).moving


def test_a_name_that_is_not_ours_is_left_alone_and_stops_nothing() -> None:
    for name, year in (("2026_13", 1990), ("archive", 1991), ("0000_01", 1992)):
        query(
            f"CREATE TABLE proxy_test_history_{name} PARTITION OF proxy_test_history"
            f" FOR VALUES FROM ('{year}-01-01Z') TO ('{year + 1}-01-01Z')"
        )
    today = month_start(timezone.now(), 1)
    done = partitions_rotate(today=today)[2]
    assert done.error == ""
    ahead = PROXY_TESTS.partition(month_start(today, 3))
    assert ahead in done.figures()["created"]
    shown = {fact.name: fact.first for fact in partitions_list(timezone.now())}
    assert shown["proxy_test_history_2026_13"] is None
    assert shown["proxy_test_history_archive"] is None
    assert PROXY_TESTS.month_in("proxy_test_history_2026_11") == date(2026, 11, 1)


def test_a_detach_of_a_name_that_is_not_ours_is_not_ours_to_finish() -> None:
    state = State(
        frozenset({"signals_archive"}), pending=frozenset({"signals_archive"})
    )
    assert plan(partitions.SIGNALS, state, today=JANUARY).finalize == ()


def test_a_month_that_cannot_be_dropped_is_told_and_the_others_go(
    settings: Settings,
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6}
    months = [JANUARY, date(2019, 2, 1), date(2019, 3, 1)]
    partitions.months_ensure(PROXY_TESTS, months)
    query("CREATE VIEW in_the_way AS SELECT id FROM proxy_test_history_2019_01")
    done = partitions_rotate()[2]
    assert "other objects depend on it" in done.error
    dropped = done.figures()["dropped"]
    assert {PROXY_TESTS.partition(month) for month in months[1:]} <= set(dropped)
    assert OLD not in dropped
    query("DROP VIEW in_the_way")
    again = partitions_rotate()[2]
    assert (again.error, again.discarded) == ("", [f"{OLD}_going"])


def test_a_table_that_cannot_be_looked_at_does_not_hold_up_the_others() -> None:
    today = month_start(timezone.now(), 2)
    query("ALTER TABLE proxy_test_history RENAME TO elsewhere")
    try:
        done = {r.plan.table.name: r for r in partitions_rotate(today=today)}
    finally:
        query("ALTER TABLE elsewhere RENAME TO proxy_test_history")
    assert "proxy_test_history" in done["proxy_test_history"].error
    signals = done["signals"]
    assert signals.error == ""
    ahead = partitions.SIGNALS.partition(month_start(today, 3))
    assert ahead in signals.figures()["created"]
