"""``manage.py doctor`` on a healthy system and on broken ones, with real servers."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from btc_watcher.lib import partitions
from btc_watcher.lib import redis_client as redis_module
from btc_watcher.local import ports
from btc_watcher.local.servers import EmbeddedValkey
from monitoring.backups.places import place_figures
from monitoring.doctor.database import clock_finding
from monitoring.doctor.redis import memory_finding as redis_memory_finding
from monitoring.doctor.redis import policy_finding
from monitoring.doctor.shapes import CHECKS, State
from monitoring.errors.services import error_resolve
from monitoring.heartbeats.store import Identity, beat_write
from monitoring.models import ErrorLog, ProcessHeartbeat
from notifications.models import Notification, NotificationChannel
from proxies.models import Proxy
from strategies.models import Strategy, StrategyProcess
from tests.monitoring.doctor.asking import doctor, execute, state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]
GB = 1024**3
OTHER_KEY = "k9:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def channel(**changes: Any) -> NotificationChannel:
    values: dict[str, Any] = {"name": "mail", "type": "email", "config": {}}
    return NotificationChannel.objects.create(**values | changes)


@pytest.fixture
def alive(home: Path) -> None:
    """Everything that should live does, and somebody is told."""
    for role in ("web", "worker", "beat", "supervisor"):
        says = place_figures() if role == "worker" else {}
        beat_write(Identity("here", role, role, 1, 1.0), says)
    channel()
    call_command("rotate_partitions", stdout=StringIO())


@pytest.fixture
def other_redis(settings: Settings) -> Iterator[Settings]:
    """Let a test name another Redis."""
    redis_module.redis_connection.cache_clear()
    yield settings
    redis_module.redis_connection().close()
    redis_module.redis_connection.cache_clear()


def test_a_healthy_system_has_no_failure(alive: None) -> None:
    found, fine = doctor()
    failures = {name: each for name, each in found.items() if each["state"] == "failed"}
    assert failures == {}
    assert fine
    assert found.keys() == CHECKS.keys()
    assert all(each["words"] for each in found.values())
    # Whatever is not in order has a cure.
    assert all(each["cure"] for each in found.values() if each["state"] == "warning")
    assert all(not each["cure"] for each in found.values() if each["state"] == "ok")


def test_a_person_reads_every_check_with_a_cure(
    alive: None, settings: Settings
) -> None:
    settings.LANGUAGE_CODE = "en"
    Proxy.objects.create(
        name="Tokyo", type="http", host="h", port=1, status=Proxy.Status.UNHEALTHY
    )
    out = StringIO()
    call_command("doctor", "redis", "work", "--no-color", stdout=out)
    text = out.getvalue()
    assert "✓ PostgreSQL answers: It answers after" in text
    assert "! Proxies: Out: Tokyo" in text
    assert "    → The page of the proxy says what failed" in text
    assert "Backups" not in text


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(CommandError, match="'tea'"):
        call_command("doctor", "tea")


# -- PostgreSQL ----------------------------------------------------------------------


def test_without_postgresql_the_rest_is_still_asked_and_nothing_is_told_of_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(ports.any_free())
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", port)
        patch.setitem(connection.settings_dict, "PASSWORD", "my-pass-word")
        found, fine = doctor()
    assert not fine
    assert found["database.reachable"]["state"] == "failed"
    assert found["database.version"]["state"] == "skipped"
    assert found["work.bots"]["state"] == "skipped"
    assert found["redis.reachable"]["state"] == "ok"
    assert found["secrets.files"]["state"] == "ok"
    assert "database does not answer" in found["machine.disk"]["words"]
    assert port not in json.dumps(found)
    assert "my-pass-word" not in json.dumps(found)


def test_the_disk_of_a_home_that_is_not_there_yet_is_judged(
    settings: Settings, tmp_path: Path
) -> None:
    settings.BTCW_HOME = tmp_path / "later" / "home"
    settings.BACKUP_FOLDER = str(tmp_path / "later" / "backups")
    assert "GB are free" in doctor("machine.disk")[0]["machine.disk"]["words"]


@pytest.mark.parametrize("names", [(), ("backups.age", "machine.disk")])
def test_without_postgresql_nobody_waits_for_the_pool(
    names: tuple[str, ...],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", str(ports.any_free()))
        pool = {"min_size": 0, "max_size": 1, "timeout": 5.0}
        patch.setitem(connection.settings_dict["OPTIONS"], "pool", pool)
        started = time.monotonic()
        try:
            found, _fine = doctor(*names)
        finally:
            connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL
    assert time.monotonic() - started < 5
    assert {"backups.age", "machine.disk"} <= found.keys()
    assert not [each for each in caplog.records if each.name == "psycopg.pool"]


def test_a_missing_migration_fails() -> None:
    execute(
        "DELETE FROM django_migrations WHERE app = 'monitoring'"
        " AND name = '0003_error_groups'"
    )
    try:
        found, fine = doctor("database.migrations", "work.bots")
    finally:
        execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('monitoring', '0003_error_groups', now())"
        )
    assert not fine
    assert "0003_error_groups" in found["database.migrations"]["words"]
    assert found["work.bots"]["state"] == "skipped"


def test_a_row_outside_of_every_month_fails_until_it_is_moved(alive: None) -> None:
    execute(
        "INSERT INTO proxy_test_history (test_time, success)"
        " VALUES ('2001-01-01 00:00+00', true)"
    )
    assert state("database.strays") == "failed"
    call_command("rotate_partitions", stdout=StringIO())
    assert state("database.strays") == "ok"
    execute("DROP TABLE proxy_test_history_2001_01")


def test_partitions_that_are_missing_ahead_are_a_failure_when_they_are_near(
    alive: None,
) -> None:
    now = timezone.now()
    far, near = (
        partitions.PROXY_TESTS.partition(partitions.month_start(now, ahead))
        for ahead in (3, 1)
    )
    execute(f"DROP TABLE {far}")
    assert state("database.partitions") == "warning"
    execute(f"DROP TABLE {near}")
    assert state("database.partitions") == "failed"
    call_command("rotate_partitions", stdout=StringIO())
    assert state("database.partitions") == "ok"


def test_the_role_and_the_way_to_the_server_are_told(settings: Settings) -> None:
    found, fine = doctor("database.role", "database.tls", "database.statements")
    assert fine
    assert found["database.tls"]["value"] == "local"
    assert found["database.role"]["value"] == connection.settings_dict["USER"]


def test_a_connection_in_the_clear_fails_but_warns_where_strangers_cannot_listen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("monitoring.roles.checks._is_this_machine", lambda _host: False)
    found, fine = doctor("database.tls")
    assert fine
    assert found["database.tls"]["state"] == "warning"
    assert "private network" in found["database.tls"]["words"]
    assert "verify-full" in found["database.tls"]["cure"]
    monkeypatch.setattr("monitoring.doctor.access.database_is_near", lambda: False)
    found, fine = doctor("database.tls", "database.role")
    assert not fine
    assert found["database.tls"]["state"] == "failed"
    assert "verify-full" in found["database.tls"]["cure"]
    # Who owns the tables can drop them.
    assert found["database.role"]["state"] == "warning"


@pytest.mark.parametrize(
    ("skew", "wanted"),
    [(0.1, "ok"), (-3, "warning"), (31, "failed"), (-86_400, "failed")],
)
def test_clocks_may_differ_a_little(skew: float, wanted: str) -> None:
    assert clock_finding(skew).state == wanted


# -- Redis ---------------------------------------------------------------------------


def test_without_redis_it_fails_and_the_database_is_still_asked(
    other_redis: Settings, home: Path
) -> None:
    other_redis.REDIS_URL = f"redis://:my-secret@127.0.0.1:{ports.any_free()}/0"
    found, fine = doctor("redis", "database.version")
    assert not fine
    assert found["redis.reachable"]["state"] == "failed"
    assert found["redis.policy"]["state"] == "skipped"
    assert found["database.version"]["state"] == "ok"
    assert "my-secret" not in json.dumps(found)


def test_a_real_redis_that_may_throw_out_queues_fails(
    other_redis: Settings, tmp_path: Path
) -> None:
    server = EmbeddedValkey(
        tmp_path / "valkey", tmp_path / "log", port=ports.any_free(), throwaway=True
    )
    server.start()
    try:
        other_redis.REDIS_URL = server.url
        client: redis.Redis = redis_module.redis_connection()
        assert state("redis.policy") == "ok"
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert state("redis.policy") == "failed"
        client.config_set("maxmemory-policy", "noeviction")
        assert state("redis.policy") == "ok"
        client.config_set("maxmemory", str(client.info()["used_memory"]))
        assert state("redis.memory") == "failed"
    finally:
        client.close()
        server.stop()


@pytest.mark.parametrize(
    ("policy", "limit", "evicted", "wanted"),
    [
        ("noeviction", 0, 0, "ok"),
        ("allkeys-lru", 0, 0, "ok"),
        ("allkeys-lru", 100, 0, "failed"),
        ("volatile-ttl", 100, 0, "ok"),
        ("volatile-ttl", 100, 7, "warning"),
    ],
)
def test_what_redis_throws_out(
    policy: str, limit: int, evicted: int, wanted: str
) -> None:
    told = {"policy": policy, "limit": limit, "evicted": evicted, "memory": 50}
    assert policy_finding(told).state == wanted
    assert redis_memory_finding(told).state is State.OK


# -- Processes and work --------------------------------------------------------------


@pytest.mark.parametrize("role", ["web", "worker", "beat", "supervisor"])
def test_a_process_that_died_is_told_with_the_command_that_starts_it(
    alive: None, role: str
) -> None:
    assert state(f"processes.{role}") == "ok"
    long_ago = timezone.now() - timedelta(minutes=10)
    ProcessHeartbeat.objects.filter(role=role).update(seen_at=long_ago)
    Strategy.objects.create(name="wanted", status="running")
    found, fine = doctor(f"processes.{role}")
    assert not fine
    assert "make up" in found[f"processes.{role}"]["cure"]


def test_one_of_two_workers_that_died_fails_because_it_may_have_done_other_work(
    alive: None,
) -> None:
    beat_write(Identity("here", "worker", "urgent", 2, 2.0), {})
    assert state("processes.worker") == "ok"
    long_ago = timezone.now() - timedelta(minutes=10)
    ProcessHeartbeat.objects.filter(name="worker").update(seen_at=long_ago)
    found, fine = doctor("processes.worker")
    assert not fine
    assert (
        "worker (here) died; urgent still lives" in found["processes.worker"]["words"]
    )


def test_a_supervisor_with_nothing_to_do_may_be_absent(home: Path) -> None:
    assert state("processes.supervisor") == "warning"
    assert state("processes.worker") == "failed"


def test_a_strategy_without_a_living_bot_fails(home: Path) -> None:
    assert state("work.bots") == "ok"
    strategy = Strategy.objects.create(name="ema", status="running")
    found, fine = doctor("work.bots")
    assert (fine, "ema" in found["work.bots"]["words"]) == (False, True)
    process = StrategyProcess.objects.create(
        strategy=strategy, status="running", last_heartbeat=timezone.now()
    )
    assert state("work.bots") == "ok"
    process.last_heartbeat = timezone.now() - timedelta(minutes=5)
    process.save()
    assert state("work.bots") == "failed"
    Strategy.objects.update(status="error")
    assert state("work.bots") == "warning"


@pytest.mark.parametrize(
    ("minutes", "wanted"), [(0, "ok"), (2, "warning"), (9, "failed")]
)
def test_a_notification_that_waits_is_told_by_its_age(
    minutes: int, wanted: str
) -> None:
    Notification.objects.create(
        channel_type="email",
        message_type="signal",
        content="x",
        status="pending",
        sent_at=timezone.now() - timedelta(minutes=minutes),
    )
    assert state("work.notifications") == wanted


def test_channels_that_are_off_are_told() -> None:
    assert state("work.channels") == "warning"
    channel()
    assert state("work.channels") == "ok"
    channel(name="bot", enabled=False, status="error")
    found, _fine = doctor("work.channels")
    assert "bot" in found["work.channels"]["words"]


def test_an_environment_of_freqtrade_that_is_gone_fails(home: Path) -> None:
    from freqtrade_mgmt.models import FreqtradeVersion  # noqa: PLC0415

    assert state("work.freqtrade") == "warning"
    FreqtradeVersion.objects.create(
        version="2026.9", type="stable", is_installed=True, install_path=str(home / "x")
    )
    found, fine = doctor("work.freqtrade")
    assert not fine
    assert "2026.9" in found["work.freqtrade"]["words"]


def test_errors_that_nobody_resolved_are_a_warning() -> None:
    assert state("work.errors") == "ok"
    row = ErrorLog.objects.create(level="ERROR", component="x", message="boom")
    assert state("work.errors") == "warning"
    error_resolve(row.pk, by="mei", now=timezone.now())
    assert state("work.errors") == "ok"
