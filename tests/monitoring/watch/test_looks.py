"""Each kind of trouble, caused for real."""

from __future__ import annotations

import os
import subprocess
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from psycopg_pool import ConnectionPool

from btc_watcher.lib import partitions, replica
from btc_watcher.lib import redis_client as redis_module
from btc_watcher.lib.replica_probe import Reason, Standing
from btc_watcher.local import ports
from btc_watcher.local.servers import EmbeddedValkey
from monitoring.backups.servers import APPLICATION
from monitoring.database import cache
from monitoring.heartbeats.store import Identity, beat_write
from monitoring.watch import looks
from monitoring.watch.judging import Level, Reading
from notifications.models import Notification
from tests.e2e.system import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis
    from pytest_django import Settings

    from monitoring.watch.looks import Look

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


def look(question: Look, **memory: Any) -> Reading:
    return question(timezone.now(), memory)


def parameters() -> dict[str, Any]:
    found = dict(connection.get_connection_params())
    for name in ("cursor_factory", "context"):
        found.pop(name, None)
    return found


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """Another session on the test's database."""
    with psycopg.connect(**parameters()) as opened:
        yield opened
        opened.rollback()


# -- Partitions ------------------------------------------------------------------------


def test_a_missing_partition_of_next_month_is_wrong_until_it_is_made() -> None:
    assert look(looks.partitions_look).level is Level.RIGHT
    next_month = partitions.month_start(timezone.now(), 1)
    name = partitions.PROXY_TESTS.partition(next_month)
    execute(f"DROP TABLE {name}")
    try:
        found = look(looks.partitions_look)
        assert found == Reading(Level.WRONG, {"names": [name]})
    finally:
        partitions.months_ensure(partitions.PROXY_TESTS, [next_month])
    assert look(looks.partitions_look).level is Level.RIGHT


def test_a_row_outside_of_every_month_is_wrong_until_it_is_gone() -> None:
    assert look(looks.strays_look).level is Level.RIGHT
    execute(
        "INSERT INTO proxy_test_history (test_time, success) VALUES ('2001-01-01', true)"
    )
    found = look(looks.strays_look)
    assert found == Reading(Level.WRONG, {"tables": {"proxy_test_history": 1}})
    execute("DELETE FROM proxy_test_history")
    assert look(looks.strays_look).level is Level.RIGHT


# -- Sessions --------------------------------------------------------------------------


def test_a_transaction_that_is_open_for_long_is_wrong_unless_it_is_a_backups(
    other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other.execute("SELECT set_config('application_name', 'somebody', false)")
    monkeypatch.setattr(looks, "TRANSACTION", (0.0, 0.0))
    found = look(looks.transaction_look)
    assert found.level is Level.WRONG
    assert found.facts["application"] == "somebody"
    assert found.facts["pid"] == other.info.backend_pid
    monkeypatch.setattr(looks, "TRANSACTION", (300.0, 60.0))
    assert look(looks.transaction_look).level is Level.RIGHT
    monkeypatch.setattr(looks, "TRANSACTION", (0.0, 0.0))
    other.execute(f"SELECT set_config('application_name', '{APPLICATION}', false)")
    assert look(looks.transaction_look).level is Level.RIGHT


def test_who_waits_for_a_lock_is_told_with_who_is_in_the_way(
    other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "LOCK", (0.2, 0.1))
    other.execute("LOCK TABLE proxies IN ACCESS EXCLUSIVE MODE")
    with psycopg.connect(**parameters()) as waiter:
        pid = waiter.info.backend_pid
        waiting = threading.Thread(
            target=waiter.execute, args=("SELECT count(*) FROM proxies",)
        )
        waiting.start()
        try:
            until(
                lambda: look(looks.locks_look).level is Level.WRONG,
                "a wait is seen",
                10,
            )
            facts = look(looks.locks_look).facts
        finally:
            other.rollback()
            waiting.join()
    assert (facts["waiters"], facts["blockers"]) == (
        [pid],
        [other.info.backend_pid],
    )
    assert facts["count"] == 1
    assert look(looks.locks_look).level is Level.RIGHT


def test_a_pool_without_a_free_connection_is_wrong_when_that_lasts() -> None:
    plain = {k: str(v) for k, v in parameters().items() if isinstance(v, str | int)}
    given = psycopg.conninfo.make_conninfo("", **plain)
    with ConnectionPool(given, min_size=1, max_size=1, open=True) as pool:
        pool.wait()
        with pool.connection():
            asking = threading.Thread(target=_ask_in_vain, args=(pool,))
            asking.start()
            until(lambda: pool.get_stats().get("requests_waiting"), "a request waits")
            cache.pool_write("worker@here", pool.get_stats())
            first = look(looks.pools_look)
            assert first.level is Level.BETWEEN
            second = look(looks.pools_look, **first.memory)
            assert (second.level, second.facts["names"]) == (
                Level.WRONG,
                ["worker here"],
            )
            asking.join()
        # Whoever waited has given up.
        cache.pool_write("worker@here", pool.get_stats())
        third = look(looks.pools_look, **second.memory)
        assert (third.level, third.facts["failed"]) == (Level.WRONG, 1)
        fourth = look(looks.pools_look, **third.memory)
        assert fourth.level is Level.RIGHT


def _ask_in_vain(pool: ConnectionPool) -> None:
    with pytest.raises(Exception, match="couldn't get a connection"):
        pool.getconn(timeout=1)


def test_a_server_with_hardly_any_connection_left_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert look(looks.connections_look).level is Level.RIGHT
    monkeypatch.setattr(looks, "CONNECTIONS", (0.0, 0.0))
    found = look(looks.connections_look)
    assert found.level is Level.WRONG
    assert 0 < found.facts["open"] <= found.facts["most"]


# -- Replication -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("standing", "wanted"),
    [
        (None, Level.RIGHT),
        (Standing(Reason.NEAR, 0.2), Level.RIGHT),
        (Standing(Reason.BEHIND, 61.0), Level.WRONG),
        (Standing(Reason.AWAY), Level.WRONG),
        (Standing(Reason.PROMOTED), Level.WRONG),
    ],
)
def test_a_replica_that_does_not_follow_is_wrong(
    standing: Standing | None, wanted: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "standing", lambda: standing)
    assert look(looks.replication_look).level is wanted


def test_a_slot_that_fills_the_disk_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    gb = 1024**3
    slots = [{"name": "small", "kept": gb // 2}, {"name": "large", "kept": 3 * gb}]
    monkeypatch.setattr(looks, "slots_idle", lambda: slots)
    found = look(looks.replication_look)
    assert (found.level, found.facts["slots"]) == (Level.WRONG, {"large": 3.0})


# -- Work ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(0, Level.RIGHT), (120, Level.BETWEEN), (400, Level.WRONG)],
)
def test_a_notification_that_waits_is_judged_by_its_age(
    seconds: int, wanted: Level
) -> None:
    Notification.objects.create(
        channel_type="email",
        message_type="signal",
        content="x",
        status="pending",
        sent_at=timezone.now() - timedelta(seconds=seconds),
    )
    assert look(looks.notifications_look).level is wanted


# -- Redis -----------------------------------------------------------------------------


@pytest.fixture
def small_redis(settings: Settings, tmp_path: Path) -> Iterator[redis.Redis]:
    """A real Redis of this test's own, which may throw out keys that expire."""
    server = EmbeddedValkey(
        tmp_path / "valkey", tmp_path / "log", port=ports.any_free(), throwaway=True
    )
    server.start()
    redis_module.redis_connection.cache_clear()
    settings.REDIS_URL = server.url
    client: redis.Redis = redis_module.redis_connection()
    try:
        yield client
    finally:
        client.close()
        redis_module.redis_connection.cache_clear()
        server.stop()


def test_a_redis_that_is_nearly_full_is_wrong_and_one_without_a_limit_never(
    small_redis: redis.Redis,
) -> None:
    assert look(looks.redis_memory_look).level is Level.RIGHT
    used = int(small_redis.info()["used_memory"])
    small_redis.config_set("maxmemory", str(int(used * 1.05)))
    found = look(looks.redis_memory_look)
    assert found.level is Level.WRONG
    assert found.facts["percent"] > 90
    small_redis.config_set("maxmemory", str(used * 4))
    assert look(looks.redis_memory_look).level is Level.RIGHT


def test_keys_that_redis_throws_out_are_counted_from_look_to_look(
    small_redis: redis.Redis,
) -> None:
    first = look(looks.evictions_look)
    assert first.level is Level.RIGHT
    small_redis.config_set("maxmemory-policy", "allkeys-lru")
    used = int(small_redis.info()["used_memory"])
    small_redis.config_set("maxmemory", str(used + 500_000))
    for number in range(300):
        small_redis.set(f"key:{number}", "x" * 10_000)
    second = look(looks.evictions_look, **first.memory)
    assert second.level is Level.WRONG
    assert second.facts["count"] > 10
    assert look(looks.evictions_look, **second.memory).level is Level.RIGHT
    # After a restart of Redis the counter is smaller than what is remembered.
    assert look(looks.evictions_look, evicted=10**9).level is Level.RIGHT


# -- The disk --------------------------------------------------------------------------


@pytest.fixture
def small_disk(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB with BTCW_HOME on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    settings.BTCW_HOME = disk
    settings.BACKUP_FOLDER = str(disk / "backups")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_disk_that_fills_is_wrong_until_there_is_room(small_disk: Path) -> None:
    assert look(looks.disk_look).level is Level.RIGHT
    filling = small_disk / "filling"
    filling.write_bytes(bytes(19 * 1024 * 1024))
    found = look(looks.disk_look)
    assert found.level is Level.WRONG
    (place,) = found.facts["places"]
    assert (place["path"], place["percent"] >= 94) == (str(small_disk), True)
    filling.unlink()
    assert look(looks.disk_look).level is Level.RIGHT


@pytest.mark.parametrize(
    ("free", "total", "wrong"),
    [
        # As on this machine: little is what is little in bytes and in part.
        (3, 100, True),
        (8, 1000, False),
        (3, 10, False),
    ],
)
def test_the_disk_of_another_machine_is_told_by_its_processes_and_judged_alike(
    free: int, total: int, wrong: bool
) -> None:
    gb = 1024**3
    figures = {"machine": {"disk_free": free * gb, "disk_total": total * gb}}
    beat_write(Identity("far-away", "worker", "w", 1, 1.0), figures)
    places = look(looks.disk_look).facts["places"]
    told = [place for place in places if place["host"] == "far-away"]
    percent = 100 - 100 * free // total
    place = {"host": "far-away", "path": "BTCW_HOME", "percent": percent}
    assert told == ([place] if wrong else [])
