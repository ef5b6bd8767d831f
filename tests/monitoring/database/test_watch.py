"""What the page of the servers knows, asked of real servers."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils import translation
from psycopg_pool import ConnectionPool

from btc_watcher.lib.processes import process_name
from monitoring.database import cache, pools, sizes, statements
from monitoring.database.activity import connections_now, counters, sessions_long
from monitoring.database.outbox import outbox_waiting
from monitoring.database.samples import columns_of, sample_take
from monitoring.database.sizes import database_size, strays_counted, tables_sized
from monitoring.database.statements import _query, statements_slow
from notifications.models import Notification
from tests.e2e.system import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def parameters() -> dict[str, Any]:
    found = dict(connection.get_connection_params())
    for name in ("cursor_factory", "context"):
        found.pop(name, None)
    return found


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """Another session on the test's database."""
    with psycopg.connect(**parameters()) as opened:
        yield opened
        opened.rollback()


# -- Slow statements -----------------------------------------------------------------


@pytest.mark.django_db
def test_statements_are_read_with_the_columns_of_this_version() -> None:
    execute("SELECT pg_sleep(0.02) AS nap")
    found = statements_slow(by="mean", limit=100)
    if not found.rows:
        # A server of your own may lack the extension; then it says so.
        assert "pg_stat_statements" in found.problem
        return
    naps = [each for each in found.rows if "pg_sleep" in each.query]
    assert naps
    assert naps[0].mean_ms >= 15
    assert 0 <= naps[0].share <= 1
    assert found.rows[0].mean_ms == max(each.mean_ms for each in found.rows)


@pytest.mark.parametrize(
    ("there", "used"),
    [
        ({"total_exec_time", "mean_exec_time", "max_exec_time", "blk_read_time"}, 15),
        (
            {
                "total_exec_time",
                "mean_exec_time",
                "max_exec_time",
                "shared_blk_read_time",
            },
            18,
        ),
    ],
)
@pytest.mark.django_db
def test_each_version_is_asked_by_its_own_names(there: set[str], used: int) -> None:
    text = _query("public.pg_stat_statements", there, "total", 3).as_string(None)
    assert ("shared_blk_read_time" in text) == (used == 18)
    assert "ORDER BY total_exec_time DESC LIMIT 3" in text
    assert "0::float" not in text


@pytest.mark.django_db
def test_without_the_extension_a_sentence_tells_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        statements, "WHERE_IS_IT", f"{statements.WHERE_IS_IT} AND extname = 'none'"
    )
    with translation.override("en"):
        found = statements_slow()
    assert found.rows == ()
    assert "CREATE EXTENSION pg_stat_statements;" in found.problem


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("state", "said"),
    [("55000", "shared_preload_libraries"), ("42501", "GRANT pg_read_all_stats")],
)
def test_what_the_server_refuses_is_a_sentence(
    state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server itself says what it would say without the library, or the right.
    refusal = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
    monkeypatch.setattr(statements, "WHERE_IS_IT", refusal)
    with translation.override("en"):
        assert said in statements_slow().problem


@pytest.mark.django_db(transaction=True)
def test_statements_of_others_that_are_hidden_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[dict[str, Any]] = [
        {"query": text, "calls": 1, "rows": 1, "hit": 0, "read": 0, "share": None}
        | {"total_ms": 1.0, "mean_ms": 1.0, "max_ms": 1.0, "reading_ms": None}
        for text in ("SELECT 1", statements.HIDDEN)
    ]
    monkeypatch.setattr(statements, "rows_read", lambda *_args: seen)
    monkeypatch.setattr(statements, "_query", lambda *_args: "")
    for row in seen:
        row |= {"schema": "public", "name": "x"}
    with translation.override("en"):
        found = statements_slow()
    assert [each.query for each in found.rows] == ["SELECT 1"]
    assert found.rows[0].hit is None
    assert "GRANT pg_read_all_stats" in found.problem


@pytest.mark.django_db
def test_passwords_in_statements_are_hidden() -> None:
    if not statements_slow().rows:
        pytest.skip("The server has no pg_stat_statements.")
    execute("SELECT 1 AS probe /* ALTER ROLE x PASSWORD 'hunter-two' */")
    assert "hunter-two" not in str(statements_slow(limit=500))


# -- Sizes ---------------------------------------------------------------------------


@pytest.mark.django_db
def test_tables_are_sized_with_their_partitions() -> None:
    tables = {table.name: table for table in tables_sized()}
    signals = tables["signals"]
    names = [part.name for part in signals.partitions]
    assert "signals_default" in names
    assert len(names) >= 5
    assert signals.size == sum(part.size for part in signals.partitions)
    (net,) = [part for part in signals.partitions if part.name == "signals_default"]
    assert (net.start, net.end) == (None, None)
    months = [part for part in signals.partitions if part.start and part.end]
    assert all(part.start.day == 1 and part.end.day == 1 for part in months)  # type: ignore[union-attr]
    assert tables["users"].partitions == ()
    assert database_size() > 1_000_000


@pytest.mark.django_db
def test_rows_in_a_safety_net_are_counted() -> None:
    assert set(strays_counted().values()) == {0}
    execute(
        "INSERT INTO proxy_test_history (test_time, success)"
        " SELECT '2001-01-01 00:00+00', true FROM generate_series(1, 3)"
    )
    assert strays_counted()["proxy_test_history"] == 3


@pytest.mark.django_db(transaction=True)
def test_a_locked_table_does_not_keep_the_others_from_being_sized(
    other: psycopg.Connection[Any],
) -> None:
    other.execute("LOCK TABLE proxies IN ACCESS EXCLUSIVE MODE")
    tables = {table.name: table for table in tables_sized()}
    assert "proxies" in tables
    assert tables["users"].size > 0


# -- Activity ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_blocked_session_names_who_blocks_it(other: psycopg.Connection[Any]) -> None:
    other.execute("LOCK TABLE proxies IN ACCESS EXCLUSIVE MODE")

    def wait() -> None:
        with psycopg.connect(**parameters()) as waiting:
            waiting.execute("SET lock_timeout = '20s'")
            waiting.execute("SELECT count(*) FROM proxies")

    thread = threading.Thread(target=wait)
    thread.start()
    blocker = other.info.backend_pid
    blocked = until(
        lambda: [each for each in sessions_long() if blocker in each.blockers],
        "a blocked session",
        10,
    )
    assert "count(*) FROM proxies" in blocked[0].query
    other.rollback()
    thread.join()
    assert not [each for each in sessions_long() if each.blockers]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_left_open_is_listed_by_its_age(
    other: psycopg.Connection[Any],
) -> None:
    other.execute("SELECT 1")
    pid = other.info.backend_pid
    assert pid in {each.pid for each in sessions_long(timedelta(0))}
    assert pid not in {each.pid for each in sessions_long()}
    now = connections_now()
    assert now.idle_in_transaction >= 1
    assert now.longest > 0
    assert now.here <= now.everywhere <= now.most
    assert counters()["commits"] > 0


@pytest.mark.django_db
def test_the_oldest_due_notification_is_found() -> None:
    def add(minutes: int, **changes: Any) -> None:
        values: dict[str, Any] = {
            "channel_type": "email",
            "message_type": "signal",
            "content": "x",
            "status": "pending",
            "sent_at": NOW - timedelta(minutes=minutes),
        }
        Notification.objects.create(**values | changes)

    assert outbox_waiting(NOW).seconds == 0
    add(3)
    add(60, status="sent")
    add(50, metadata={"collapsed_into": 1})
    later = (NOW + timedelta(minutes=5)).isoformat()
    add(40, status="retry", metadata={"next_attempt_at": later})
    found = outbox_waiting(NOW)
    assert (found.open, found.due, found.seconds) == (2, 1, 180)


# -- Pools, Redis, samples -----------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_process_reports_its_pool_and_who_waits(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pools.pool_report() is False
    assert pools.pools_listed() == []
    pool = ConnectionPool(
        kwargs=parameters(), min_size=1, max_size=2, timeout=5, open=True
    )
    monkeypatch.setitem(vars(DatabaseWrapper)["_connection_pools"], "default", pool)
    with pool.connection(), pool.connection():
        waiting = threading.Thread(target=lambda: pool.putconn(pool.getconn()))
        waiting.start()
        until(lambda: pool.get_stats().get("requests_waiting"), "a caller that waits")
        assert pools.pool_report() is True
        (found,) = pools.pools_listed()
        assert (found.size, found.used, found.most, found.waiting) == (2, 2, 2, 1)
        assert found.state == "warning"
    waiting.join()
    pools.pool_report()
    assert pools.pools_listed()[0].state == "ok"
    assert 0 < redis_client.ttl(f"monitoring:pool:{process_name()}") <= 45
    pool.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
def test_the_pool_of_a_replica_is_reported_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = vars(DatabaseWrapper)["_connection_pools"]
    with (
        ConnectionPool(kwargs=parameters(), min_size=1, max_size=2) as main,
        ConnectionPool(kwargs=parameters(), min_size=1, max_size=5) as replica,
    ):
        monkeypatch.setitem(known, "default", main)
        monkeypatch.setitem(known, "replica", replica)
        assert pools.pool_report() is True
        found = {each.database: each.most for each in pools.pools_listed()}
        assert found == {"": 2, "replica": 5}
        assert len({each.process for each in pools.pools_listed()}) == 1


def test_a_machine_whose_clock_is_ahead_does_not_hide_the_pools_of_others(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = {"pool_size": 1, "pool_max": 2}
    cache.pool_write("web@a:1", stats)
    with monkeypatch.context() as patch:
        later = time.time() + 600
        patch.setattr("monitoring.database.cache.time.time", lambda: later)
        cache.pool_write("worker@b:2", stats)
    assert {each.process for each in pools.pools_listed()} == {"a:1", "b:2"}
    # Who has ended is forgotten, whatever its clock said.
    redis_client.delete("monitoring:pool:web@a:1")
    assert [each.process for each in pools.pools_listed()] == ["b:2"]
    assert redis_client.zrange("monitoring:pools", 0, -1) == ["worker@b:2"]


def test_only_processes_of_the_system_report() -> None:
    assert pools.reporting_start() is None


def test_redis_tells_its_memory_keys_and_evictions(redis_client: redis.Redis) -> None:
    redis_client.set("a", "b")
    redis_client.rpush("queue:notifications:P0", "x", "y")
    state = cache.redis_state()
    assert state["memory"] > 0
    assert (state["keys"], state["evicted"]) == (2, 0)
    assert state["queues"]["queue:notifications:P0"] == 2
    assert state["policy"]


@pytest.mark.django_db
def test_a_sample_is_kept_and_read_oldest_first(redis_client: redis.Redis) -> None:
    first = sample_take(NOW)
    second = sample_take(NOW + timedelta(minutes=1))
    assert cache.samples_read() == [first, second]
    columns = columns_of(cache.samples_read())
    assert columns["at"] == [first["at"], second["at"]]
    assert columns["commits"][0] is None
    assert columns["commits"][1] >= 0


def test_counters_become_rates_and_gaps_stay_gaps() -> None:
    def sample(at: int, commits: int, hit: int, read: int) -> dict[str, Any]:
        return {"at": at, "commits": commits, "hit": hit, "read": read}

    rows = [
        sample(0, 100, 0, 0),
        sample(60, 220, 90, 10),
        sample(120, 10, 190, 10),
        sample(1000, 500, 200, 20),
    ]
    columns = columns_of(rows)
    assert columns["commits"] == [None, 2.0, None, None]
    assert columns["hit"] == [None, 90.0, 100.0, None]
    assert columns["size"] == [None] * 4


@pytest.mark.django_db
def test_a_table_that_is_dropped_meanwhile_has_no_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The server lists it by what it saw first, and asks for its size when it is gone.
    gone = sizes.SIZES.replace("pg_table_size(c.oid)", "pg_table_size(0)")
    assert gone != sizes.SIZES
    monkeypatch.setattr(sizes, "SIZES", gone)
    assert {table.heap for table in tables_sized()} == {0}
