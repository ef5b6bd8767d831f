"""``kill -9`` in the middle of a rotation."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from django.db import connection

from btc_watcher.env import BASE_DIR
from btc_watcher.lib import partitions
from btc_watcher.lib.partitions import PROXY_TESTS, months_ensure, state_read
from monitoring.partitions.rotation import partitions_rotate
from tests.lib.test_partitions_database import held_by_another
from tests.monitoring.usual_months import months_usual
from tests.servers import ENV

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

ROWS = 20_000  # ten batches of the mover
OLD = PROXY_TESTS.partition(date(2019, 1, 1))


def query(text: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return [] if cursor.description is None else cursor.fetchall()


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    months_usual()
    before = state_read(PROXY_TESTS).partitions
    yield
    query("SELECT btcw_mover_clear('proxy_test_history')")
    query("TRUNCATE proxy_test_history")
    state = state_read(PROXY_TESTS)
    for name in state.leftovers:
        partitions.discard(PROXY_TESTS, name)
    for name in state.partitions - before:
        partitions.retire(PROXY_TESTS, name)


@contextmanager
def rotation(**changes: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command on the test database; it is dead afterwards."""
    given = connection.get_connection_params()
    url = f"postgres://{given['user']}:{quote(given['password'])}@{given['host']}"
    url += f":{given['port']}/{given['dbname']}"
    with subprocess.Popen(
        [sys.executable, "manage.py", "rotate_partitions"],
        cwd=BASE_DIR,
        env={**ENV, "DATABASE_URL": url, **changes},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def wait_until(text: str) -> None:
    """Wait until the query ``text`` answers true."""
    deadline = time.monotonic() + 60
    while query(text) != [(True,)]:
        assert time.monotonic() < deadline, text
        time.sleep(0.01)


def rotate_when_free() -> dict[str, Any]:
    """Rotate, once PostgreSQL has noticed that the killed one is gone."""
    deadline = time.monotonic() + 60
    while (done := partitions_rotate())[2].busy:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return done[2].figures()


def test_killed_while_it_moves_rows_nothing_is_lost_and_the_next_one_ends_it() -> None:
    query(
        "INSERT INTO proxy_test_history (test_time, success)"
        " SELECT '2019-01-05', true FROM generate_series(1, 20000)"
    )
    with rotation() as child:
        wait_until("SELECT to_regclass('proxy_test_history_moving') IS NOT NULL")
        wait_until("SELECT EXISTS (SELECT FROM proxy_test_history_moving)")
        child.kill()
    assert query("SELECT count(*) FROM proxy_test_history") == [(ROWS,)]
    done = rotate_when_free()
    assert (done["error"], done["created"]) == ("", [OLD])
    assert query(
        "SELECT tableoid::regclass::text, count(*) FROM proxy_test_history GROUP BY 1"
    ) == [(OLD, ROWS)]
    assert query("SELECT to_regclass('proxy_test_history_moving')") == [(None,)]


def test_killed_while_it_waits_to_detach_the_next_one_drops_the_month(
    settings: Any,
) -> None:
    kept = {"proxy_test_history": 6}
    months_ensure(PROXY_TESTS, [date(2019, 1, 1)])
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE '%btcw_partition_detach%' AND pid <> pg_backend_pid())"
    )
    with (
        held_by_another("SELECT FROM proxy_test_history_2019_01"),
        rotation(BTCW_PARTITION_MONTHS_KEPT="proxy_test_history=6") as child,
    ):
        wait_until(waiting)
        child.kill()
    settings.PARTITION_MONTHS_KEPT = kept
    done = rotate_when_free()
    assert done["error"] == ""
    # It depends on the moment whether the killed one's statement was still carried out.
    assert done["dropped"] == [OLD] or done["discarded"] == [f"{OLD}_going"]
    assert query(f"SELECT to_regclass('{OLD}')") == [(None,)]
    assert not state_read(PROXY_TESTS).leftovers
