"""Signs of life when clocks are set, pools are used up, and there are two of a name."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from btc_watcher.lib import redis_client as redis_module
from btc_watcher.local.ports import any_free
from monitoring.heartbeats import reporter as module
from monitoring.heartbeats.models import Role
from monitoring.heartbeats.outside import address_of
from monitoring.heartbeats.reporter import Reporter
from monitoring.heartbeats.sampling import MachineSampler
from monitoring.heartbeats.store import Identity, Seen, beat_write, beats_read
from monitoring.heartbeats.telling import (
    LEFT_TO_WORKERS,
    deliver_alerts_ourselves,
    key_of,
    look_around,
)
from monitoring.heartbeats.watch import Limits, Silences, troubles
from monitoring.models import ProcessHeartbeat
from notifications.models import Alert, Notification, NotificationStatus
from tests.e2e.system import until
from tests.monitoring.beating import STEADY, aged, beating, mail_channel
from tests.notifications.fakes import SmtpFake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

WHEN = datetime(2026, 11, 22, tzinfo=UTC)
BOUNDS = Limits()
NONE: frozenset[str] = frozenset()
PSUTIL = "monitoring.heartbeats.sampling.psutil"


def row(role: str, seen_at: datetime, age: float) -> Seen:
    return Seen("a", role, role, 7, WHEN, seen_at, None, age)


def dead(rows: list[Seen]) -> list[str]:
    found = troubles(rows, BOUNDS, steady_s=STEADY, optional=NONE)
    return [each.role for each in found if each.dead]


ROLES = ("beat", "worker", "supervisor")


def test_a_clock_of_the_database_that_is_set_ahead_kills_nobody() -> None:
    silences = Silences()
    silences.heard([row(role, WHEN, 1) for role in ROLES], 1000.0)
    # Nobody has beaten since the database's clock went an hour ahead.
    ahead = [row(role, WHEN, 3601) for role in ROLES]
    assert dead(ahead) == list(ROLES)
    assert dead(silences.heard(ahead, 1010.0)) == []
    # Who still says nothing when its time is over is dead.
    later = [
        row("beat", WHEN, 3641),
        *(row(r, WHEN + timedelta(1), 1) for r in ROLES[1:]),
    ]
    assert dead(silences.heard(later, 1050.0)) == ["beat"]


def test_a_death_is_seen_although_the_clock_of_the_database_is_set_back() -> None:
    silences = Silences()
    silences.heard([row(role, WHEN, 1) for role in ROLES], 1000.0)
    found: list[str] = []
    for clock in (1010.0, 1020.0, 1050.0):
        others = [row(r, WHEN + timedelta(seconds=clock), 1) for r in ROLES[1:]]
        rows = [row("beat", WHEN, -3600), *others]
        found = dead(silences.heard(rows, clock))
    assert found == ["beat"]


def test_another_process_in_the_same_place_has_a_time_of_its_own() -> None:
    silences = Silences()
    silences.heard([row("beat", WHEN, 1)], 1000.0)
    (fresh,) = silences.heard([replace(row("beat", WHEN, 1), pid=8)], 1100.0)
    assert fresh.silent_s == 0


@pytest.mark.django_db(transaction=True)
class TestReporter:
    """The thread."""

    def test_what_cannot_be_measured_does_not_end_the_beats(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(f"{PSUTIL}.virtual_memory", _broken)
        reporter = Reporter(Role.WORKER, "worker")
        for _ in range(3):
            reporter._step(10)
        (seen,) = beats_read()
        assert (seen.age_s < 5, seen.figures) == (True, {})
        # Said once, and not at every beat.
        assert caplog.text.count("could not be measured") == 1

    def test_what_goes_wrong_while_it_looks_around_does_not_end_the_beats(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(module, "look_around", _broken)
        reporter = Reporter(Role.WORKER, "worker")
        reporter._step(10)
        aged(60)
        reporter._step(10)
        assert beats_read()[0].age_s < 5
        assert "could not be looked after" in caplog.text

    def test_a_machine_without_a_network_beats(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(f"{PSUTIL}.net_io_counters", lambda **_k: None)
        Reporter(Role.WORKER, "worker")._step(10)
        assert "machine" in beats_read()[0].figures

    @pytest.mark.parametrize("seconds", [-60, 60])
    def test_a_clock_that_is_not_the_databases_is_told_once(
        self,
        seconds: int,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        reporter = Reporter(Role.WORKER, "worker")
        reporter._step(10)
        assert "NTP" not in caplog.text
        real = time.time
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: real() + seconds)
            for _ in range(3):
                reporter._step(10)
        assert caplog.text.count("NTP") == 1
        assert "is 60 s away" in caplog.text
        reporter._step(10)
        assert not reporter._apart

    def test_a_long_name_of_a_machine_is_cut(self, settings: Settings) -> None:
        settings.NODE_NAME = "x" * 300
        Reporter(Role.WORKER, "y" * 300)._step(10)
        (seen,) = beats_read()
        assert (len(seen.host), len(seen.name)) == (100, 150)

    def test_its_connection_is_in_no_pool_and_is_replaced_when_it_dies(
        self, settings: Settings
    ) -> None:
        settings.HEARTBEATS = settings.HEARTBEATS | {"every": 0.2}
        shared = connection.settings_dict["OPTIONS"]
        connection.close()
        shared["pool"] = {"min_size": 0, "max_size": 1, "timeout": 0.1}
        reporter = Reporter(Role.WORKER, "worker")
        try:
            # We have the only connection of the pool.
            connection.ensure_connection()
            reporter.start()
            until(beats_read, "a beat", 20)
            before = beats_read()[0].seen_at
            assert _end_other_sessions() >= 1
            until(lambda: beats_read()[0].seen_at > before, "another beat", 20)
        finally:
            reporter.stop()
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL
            del shared["pool"]


def _broken(*_args: Any, **_more: Any) -> Any:
    raise ValueError("what nobody thought of")


def _end_other_sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        found = cursor.fetchone()
    return int(found[0]) if found else 0


@pytest.mark.django_db
class TestTwoOfAName:
    """Two workers of one name on one machine."""

    @pytest.fixture
    def other(self) -> Iterator[psutil.Process]:
        with subprocess.Popen(["sleep", "60"]) as child:
            yield psutil.Process(child.pid)
            child.kill()

    def test_each_has_a_row_and_the_death_of_one_is_seen(
        self, settings: Settings, other: psutil.Process
    ) -> None:
        first = Identity(
            settings.NODE_NAME, "worker", "worker", other.pid, other.create_time()
        )
        beat_write(first, {})
        reporter = Reporter(Role.WORKER, "worker")
        for _ in range(2):
            reporter._step(10)
        assert {(each.name, each.pid) for each in beats_read()} == {
            ("worker", other.pid),
            ("worker-2", os.getpid()),
        }
        aged(60, name="worker")
        look_around(STEADY)
        assert Alert.objects.filter(key=key_of("worker")).exists()

    def test_the_place_of_a_dead_one_is_taken(self, settings: Settings) -> None:
        # Its number is that of another process by now.
        beat_write(Identity(settings.NODE_NAME, "worker", "worker", 1, 5.0), {})
        Reporter(Role.WORKER, "worker")._step(10)
        assert ProcessHeartbeat.objects.get().pid == os.getpid()


def test_the_first_look_at_a_machine_does_not_show_it_as_idle(tmp_path: Path) -> None:
    sampler = MachineSampler(tmp_path)
    assert "cpu" not in sampler.sample()
    assert "cpu" in sampler.sample()


def test_what_processes_tell_each_other_here_is_no_traffic_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counters:
        def __init__(self, number: float) -> None:
            self.bytes_recv = self.bytes_sent = number

    numbers = iter([1e9, 5e9])
    monkeypatch.setattr(
        f"{PSUTIL}.net_io_counters",
        lambda **_k: {"lo": Counters(next(numbers)), "eth0": Counters(1e6)},
    )
    sampler = MachineSampler(tmp_path)
    sampler.sample()
    assert sampler.sample()["received_mb_s"] == 0


@pytest.mark.django_db
def test_two_schedules_are_told_once_and_again_when_it_happens_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    beating("beat", "worker", "supervisor")
    look_around(STEADY)
    assert "schedules run" not in caplog.text
    for times in (1, 2):
        beat_write(Identity("b", "beat", "beat", 9, 5.0), {})
        for _ in range(3):
            look_around(STEADY)
        assert caplog.text.count("2 schedules run (beat on a, beat on b)") == times
        ProcessHeartbeat.objects.filter(host="b").delete()
        look_around(STEADY)


@pytest.mark.django_db
def test_the_all_clear_does_not_say_that_what_was_taken_off_the_list_runs() -> None:
    beating("beat", "worker")
    beat_write(Identity("b", "worker", "worker", 9, 5.0), {})
    aged(60, host="b")
    smtp = SmtpFake()
    smtp.start()
    mail_channel(smtp)
    look_around(STEADY)
    ProcessHeartbeat.objects.filter(host="b").delete()
    look_around(STEADY)
    smtp.stop()
    last = Notification.objects.latest("id")
    assert "runs again" not in str(last.metadata)
    assert "no process of" in str(last.metadata)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
def test_without_redis_alerts_are_sent_although_a_worker_lives(
    settings: Settings,
) -> None:
    beating("beat", "worker", "supervisor")
    smtp = SmtpFake()
    smtp.start()
    mail_channel(smtp)
    aged(60, role="beat")
    look_around(STEADY)
    # A worker that lives is given its time.
    assert deliver_alerts_ourselves() == 0
    Notification.objects.update(
        sent_at=timezone.now() - LEFT_TO_WORKERS - timedelta(seconds=1)
    )
    redis_module.redis_connection.cache_clear()
    settings.REDIS_URL = f"redis://127.0.0.1:{any_free()}/0"
    try:
        assert deliver_alerts_ourselves() == 1
    finally:
        redis_module.redis_connection.cache_clear()
        smtp.stop()
    assert len(smtp.subjects()) == 1
    assert Notification.objects.get().status == NotificationStatus.SENT


@pytest.mark.parametrize(
    ("url", "failed", "asked"),
    [
        ("https://h/ping/u", False, "https://h/ping/u"),
        ("https://h/ping/u/", True, "https://h/ping/u/fail"),
        ("https://h/push/t?status=up&m=a/", False, "https://h/push/t?status=up&m=a/"),
        ("https://h/push/t?rid=1", True, "https://h/push/t/fail?rid=1"),
    ],
)
def test_a_failure_is_told_in_the_path_of_the_address(
    url: str, failed: bool, asked: str
) -> None:
    assert address_of(url, failed=failed) == asked
