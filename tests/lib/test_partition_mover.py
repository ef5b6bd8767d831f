"""Many rows leave the safety net while everybody goes on working."""

from __future__ import annotations

import threading
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from btc_watcher.lib import partition_mover, partitions, patient_locks
from btc_watcher.lib.partition_mover import strays_move
from btc_watcher.lib.partitions import (
    PROXY_TESTS,
    PartitionError,
    months_ensure,
    plan,
    state_read,
)
from tests.lib.test_partitions_database import held_by_another

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

DECEMBER, JANUARY, FEBRUARY = date(2018, 12, 1), date(2019, 1, 1), date(2019, 2, 1)
NET = PROXY_TESTS.default


def query(text: str, *arguments: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, arguments)
        return [] if cursor.description is None else cursor.fetchall()


def indexes(table: str) -> list[tuple[Any, ...]]:
    return query(
        "SELECT count(*), count(*) FILTER (WHERE indisprimary) FROM pg_index"
        " WHERE indrelid = %s::regclass",
        table,
    )


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    query("SELECT btcw_mover_clear('proxy_test_history')")
    query("TRUNCATE proxy_test_history")
    for name in state_read(PROXY_TESTS).leftovers:
        partitions.discard(PROXY_TESTS, name)
    for month in (DECEMBER, JANUARY, FEBRUARY):
        partitions.retire(PROXY_TESTS, PROXY_TESTS.partition(month))


def fill(rows: int) -> None:
    """Put ``rows`` rows each of December, January and a time that has no month."""
    query(
        "INSERT INTO proxy_test_history (test_time, success, error_message)"
        " SELECT t, true, 'row ' || n FROM generate_series(1, %s) AS n,"
        " unnest(ARRAY['2018-12-15', '2019-01-15', 'infinity']::timestamptz[]) AS t",
        rows,
    )


def places() -> list[tuple[Any, ...]]:
    return query(
        "SELECT tableoid::regclass::text, count(*), count(DISTINCT id)"
        " FROM proxy_test_history GROUP BY 1 ORDER BY 1"
    )


def test_every_row_finds_its_month_and_the_rest_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partition_mover, "BATCH_ROWS", 100)
    fill(330)
    assert places() == [(NET, 990, 990)]
    told: list[int] = []
    assert strays_move(PROXY_TESTS, [DECEMBER, JANUARY], told=told.append) == 990
    assert told == [100, 200, 300, 400, 500, 600, 700, 800, 900, 990]
    assert places() == [
        ("proxy_test_history_2018_12", 330, 330),
        ("proxy_test_history_2019_01", 330, 330),
        ("proxy_test_history_default", 330, 330),
    ]
    state = state_read(PROXY_TESTS)
    assert not state.leftovers
    assert not state.strays
    assert query("SELECT to_regclass('proxy_test_history_moving')") == [(None,)]


def test_the_tables_it_leaves_are_like_any_other() -> None:
    fill(3)
    months_ensure(PROXY_TESTS, [FEBRUARY])
    strays_move(PROXY_TESTS, [JANUARY])
    for name in ("proxy_test_history_2019_01", NET):
        assert indexes(name) == indexes("proxy_test_history_2019_02")
        found = "SELECT contype::text, pg_get_constraintdef(oid), conparentid <> 0"
        found += " FROM pg_constraint WHERE conrelid = %s::regclass AND contype <> 'n'"
        found += " ORDER BY 1, 2"
        assert query(found, name) == query(found, "proxy_test_history_2019_02")
        assert query("SELECT tgname FROM pg_trigger WHERE tgname = 'btcw_mover'") == []
    # And again: names and leftovers of the first time are in nobody's way.
    strays_move(PROXY_TESTS, [DECEMBER])
    assert [name for name, *_ in places()] == [
        "proxy_test_history_2018_12",
        "proxy_test_history_2019_01",
        "proxy_test_history_default",
    ]


class Writer:
    """Inserts, updates and deletes rows of January in a thread, and counts them."""

    def __init__(self) -> None:
        self.counts = {"inserted": 0, "updated": 0, "deleted": 0}
        self.failed: list[BaseException] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for(self, inserted: int) -> None:
        """Wait until so many rows more were inserted."""
        wanted = self.counts["inserted"] + inserted
        while self.counts["inserted"] < wanted and not self.failed:
            time.sleep(0.001)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        number = 0
        try:
            while not self._stop.is_set():
                number += 1
                self._write(number)
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.failed.append(error)
        finally:
            connection.close()

    def _write(self, number: int) -> None:
        query(
            "INSERT INTO proxy_test_history (test_time, success, error_message)"
            " VALUES ('2019-01-20', true, 'new')"
        )
        self.counts["inserted"] += 1
        updated = query(
            "UPDATE proxy_test_history SET error_message = 'seen' WHERE"
            " error_message = %s AND test_time = '2019-01-15' RETURNING id",
            f"row {number}",
        )
        self.counts["updated"] += len(updated)
        deleted = query(
            "DELETE FROM proxy_test_history WHERE"
            " error_message = %s AND test_time = '2019-01-15' RETURNING id",
            f"row {1_001 - number}",
        )
        self.counts["deleted"] += len(deleted)


def test_what_others_write_meanwhile_is_neither_lost_nor_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partition_mover, "BATCH_ROWS", 50)
    fill(1_000)
    writer = Writer()
    writer.wait_for(10)
    strays_move(PROXY_TESTS, [DECEMBER, JANUARY])
    writer.wait_for(10)
    writer.stop()
    assert writer.failed == []
    told = dict(
        query(
            "SELECT error_message, count(*) FROM proxy_test_history"
            " WHERE error_message IN ('seen', 'new') GROUP BY 1"
        )
    )
    counts = writer.counts
    assert told == {"new": counts["inserted"], "seen": counts["updated"]}
    january = 1_000 - counts["deleted"] + counts["inserted"]
    assert places() == [
        ("proxy_test_history_2018_12", 1_000, 1_000),
        ("proxy_test_history_2019_01", january, january),
        ("proxy_test_history_default", 1_000, 1_000),
    ]
    assert counts["deleted"]


def test_a_mover_that_died_halfway_changed_nothing_and_the_next_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partition_mover, "BATCH_ROWS", 100)
    fill(200)

    def die(_rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        strays_move(PROXY_TESTS, [DECEMBER, JANUARY], told=die)
    assert places() == [(NET, 600, 600)]
    query("UPDATE proxy_test_history SET error_message = 'x' WHERE mod(id, 2) = 0")
    query("DELETE FROM proxy_test_history WHERE test_time = '2018-12-15'")
    assert strays_move(PROXY_TESTS, [DECEMBER, JANUARY]) == 400
    assert places() == [
        ("proxy_test_history_2019_01", 200, 200),
        (NET, 200, 200),
    ]


def test_a_lock_that_is_not_to_be_had_leaves_everything_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patient_locks, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(patient_locks, "ATTEMPTS", 2)
    monkeypatch.setattr(patient_locks, "FIRST_PAUSE_SECONDS", 0.01)
    fill(5)
    with (
        held_by_another("SELECT FROM proxy_test_history"),
        pytest.raises(PartitionError, match="pg_stat_activity"),
    ):
        strays_move(PROXY_TESTS, [JANUARY])
    assert places() == [(NET, 15, 15)]
    assert strays_move(PROXY_TESTS, [JANUARY]) == 15


def test_a_month_with_many_strays_is_the_movers_and_nobody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partitions, "DIRECT_ROWS", 10)
    fill(11)
    state = state_read(PROXY_TESTS)
    planned = plan(PROXY_TESTS, state, today=date(2026, 11, 1))
    assert planned.mover == {DECEMBER: 11, JANUARY: 11}
    assert "in batches" in " ".join(partitions.describe(planned))
    # Intake asks for its month: the row goes to the safety net, and nobody waits.
    assert months_ensure(PROXY_TESTS, [JANUARY]) == {}
    query("DELETE FROM proxy_test_history WHERE error_message = 'row 1'")
    assert months_ensure(PROXY_TESTS, [JANUARY]) == {JANUARY: 10}
