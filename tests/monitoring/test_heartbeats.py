"""Signs of life: written, judged, told once, resolved."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings

from monitoring.heartbeats.attach import Lifespan
from monitoring.heartbeats.models import Role
from monitoring.heartbeats.others import groups_here
from monitoring.heartbeats.progress import STUCK_SECONDS, Progress
from monitoring.heartbeats.reporter import Reporter
from monitoring.heartbeats.store import (
    Identity,
    Seen,
    beat_write,
    beats_forget,
    beats_read,
    farewell_write,
    predecessor,
)
from monitoring.heartbeats.telling import (
    deliver_alerts_ourselves,
    key_of,
    limits,
    look_around,
)
from monitoring.heartbeats.watch import Limits, troubles
from monitoring.models import ProcessHeartbeat
from notifications.models import Alert, Notification, NotificationStatus
from strategies.models import Strategy, StrategyProcess
from tests.e2e.system import until
from tests.monitoring.beating import STEADY, aged, beating, mail_channel
from tests.notifications.fakes import SmtpFake

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

BOUNDS = Limits()

WHEN = datetime(2026, 11, 22, tzinfo=UTC)

NONE: frozenset[str] = frozenset()

OPTIONAL = frozenset({"supervisor"})


def row(role: str, age: float = 1.0, *, stopped: bool = False, host: str = "a") -> Seen:
    end = WHEN if stopped else None
    return Seen(host, role, role, 7, WHEN, WHEN, end, age)


ALL = (row("beat"), row("worker"), row("supervisor"))


def found(*rows: Seen, steady: float = STEADY, optional: frozenset[str] = NONE) -> Any:
    wrong = troubles(rows, BOUNDS, steady_s=steady, optional=optional)
    return [(each.role, each.priority, len(each.dead)) for each in wrong]


def test_when_all_beat_nothing_is_wrong() -> None:
    assert found(*ALL) == []


@pytest.mark.parametrize("role", ["beat", "worker", "supervisor"])
def test_the_only_process_of_a_role_that_dies_is_most_urgent(role: str) -> None:
    rows = [replace(each, age_s=46.0) if each.role == role else each for each in ALL]
    assert found(*rows) == [(role, "P0", 1)]


def test_one_of_several_that_dies_is_less_urgent() -> None:
    assert found(*ALL, row("worker", 60, host="b")) == [("worker", "P1", 1)]


def test_a_web_process_is_not_watched() -> None:
    assert found(*ALL, row("web", 1000)) == []


def test_an_orderly_end_is_no_death_and_is_missed_after_a_while() -> None:
    others = [each for each in ALL if each.role != "beat"]
    assert found(*others, row("beat", 100, stopped=True)) == []
    assert found(*others, row("beat", 181, stopped=True)) == [("beat", "P0", 0)]


def test_a_supervisor_that_nobody_needs_may_be_absent_but_not_die() -> None:
    others = [each for each in ALL if each.role != "supervisor"]
    assert found(*others, optional=OPTIONAL) == []
    assert found(*others) == [("supervisor", "P0", 0)]
    dead = row("supervisor", 60)
    assert found(*others, dead, optional=OPTIONAL) == [("supervisor", "P0", 1)]


def test_whoever_has_not_beaten_for_a_minute_judges_nobody() -> None:
    old = [replace(each, age_s=500.0) for each in ALL]
    assert found(*old, steady=59) == []
    assert found(*ALL[:2], steady=100) == []


def test_a_loop_that_hangs_is_seen_and_one_that_never_began_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    progress = Progress()
    assert not progress.stuck()
    progress.mark()
    assert not progress.stuck()
    later = time.monotonic() + STUCK_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert progress.stuck()


ME = Identity("a", "worker", "worker", 100, 1000.0)


@pytest.mark.django_db
class TestRows:
    """What is in the table."""

    def test_a_process_has_one_row_and_its_beats_keep_it_young(self) -> None:
        beat_write(ME, {"n": 1})
        aged(30)
        beat_write(ME, {"n": 2})
        (seen,) = beats_read()
        assert (seen.pid, seen.figures) == (100, {"n": 2})
        assert seen.age_s < 5

    def test_the_next_process_knows_that_the_one_before_it_died(self) -> None:
        beat_write(ME, {})
        assert predecessor(ME) is None
        following = replace(ME, pid=101, create_time=2000.0)
        assert predecessor(following) == 100
        farewell_write(ME)
        assert predecessor(following) is None

    def test_a_restart_begins_the_time_anew(self) -> None:
        beat_write(ME, {})
        first = ProcessHeartbeat.objects.get().started_at
        beat_write(ME, {})
        assert ProcessHeartbeat.objects.get().started_at == first

    def test_rows_that_tell_nothing_any_more_are_forgotten(self) -> None:
        beating("web", "worker", "beat")
        farewell_write(Identity("a", "beat", "beat", 3, 5.0))
        aged(700)
        assert beats_forget() == 1
        aged(24 * 3600)
        assert beats_forget() == 1
        aged(6 * 24 * 3600)
        assert beats_forget() == 1


@pytest.mark.django_db
class TestTelling:
    """From rows to alerts."""

    def test_a_death_is_told_once_and_resolved(self) -> None:
        beating("beat", "worker", "supervisor")
        aged(60, role="beat")
        for _ in range(2):
            look_around(STEADY)
        alert = Alert.objects.get()
        assert (alert.key, alert.priority) == (key_of("beat"), "P0")
        assert "pid 1" in alert.body
        beating("beat")
        look_around(STEADY)
        alert.refresh_from_db()
        assert alert.resolved_at is not None
        assert Alert.objects.count() == 1

    def test_it_becomes_urgent_when_the_last_one_dies(self) -> None:
        beating("beat", "worker")
        beat_write(Identity("b", "worker", "worker", 9, 5.0), {})
        aged(60, role="worker", host="b")
        look_around(STEADY)
        assert Alert.objects.get().priority == "P1"
        aged(60, role="worker", host="a")
        look_around(STEADY)
        assert Alert.objects.get().priority == "P0"

    def test_a_machine_that_is_removed_from_the_list_is_no_trouble(self) -> None:
        beating("beat", "worker")
        beat_write(Identity("b", "worker", "worker", 9, 5.0), {})
        aged(60, host="b")
        look_around(STEADY)
        ProcessHeartbeat.objects.filter(host="b").delete()
        look_around(STEADY)
        assert not Alert.objects.filter(resolved_at=None).exists()

    def test_a_supervisor_is_missed_only_when_a_strategy_wants_one(self) -> None:
        beating("beat", "worker")
        assert look_around(STEADY) == []
        Strategy.objects.create(name="ema", status="running")
        assert [each.role for each in look_around(STEADY)] == ["supervisor"]

    def test_whoever_has_just_begun_says_nothing(self) -> None:
        beating("worker")
        aged(900)
        assert look_around(10) == []
        assert not Alert.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
class TestDelivery:
    """Alerts while no worker lives."""

    def test_the_alert_that_no_worker_lives_is_sent_by_whoever_saw_it(self) -> None:
        beating("beat", "worker", "supervisor")
        smtp = SmtpFake()
        smtp.start()
        mail_channel(smtp)
        assert deliver_alerts_ourselves() == 0
        aged(60, role="worker")
        look_around(STEADY)
        assert deliver_alerts_ourselves() == 1
        assert len(smtp.subjects()) == 1
        smtp.stop()
        row = Notification.objects.get()
        assert row.status == NotificationStatus.SENT
        assert deliver_alerts_ourselves() == 0


@pytest.mark.django_db(transaction=True)
class TestReporter:
    """The thread."""

    def test_it_beats_and_says_goodbye(self, settings: Settings) -> None:
        settings.HEARTBEATS = settings.HEARTBEATS | {"every": 0.1}
        reporter = Reporter(Role.WORKER, "worker")
        reporter.start()
        deadline = time.monotonic() + 10
        while not any("worker" in r.figures.get("groups", {}) for r in beats_read()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        reporter.stop()
        (row,) = beats_read()
        assert row.stopped_at is not None
        assert row.figures["groups"]["worker"]["memory_mb"] > 1
        assert row.host == settings.NODE_NAME

    def test_a_hanging_loop_ends_the_beats(self) -> None:
        progress = Progress()
        progress._moment = time.monotonic() - STUCK_SECONDS - 1
        reporter = Reporter(Role.BEAT, "beat", progress)
        reporter._step(10)
        assert beats_read() == []
        progress.mark()
        reporter._step(10)
        assert [each.role for each in beats_read()] == ["beat"]


def test_the_settings_are_the_limits() -> None:
    assert limits() == Limits()
    with override_settings(HEARTBEATS={"every": 1.0}):
        assert limits().every == 1.0


@pytest.mark.django_db(transaction=True)
async def test_a_web_process_beats_from_its_start_to_its_end(
    settings: Settings,
) -> None:
    settings.HEARTBEATS = settings.HEARTBEATS | {"every": 0.1}
    events = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        if sent:
            await sync_to_async(until)(beats_read, "a heartbeat")
        return {"type": next(events)}

    async def send(event: Any) -> None:
        sent.append(event["type"])

    await Lifespan()({}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    (row,) = await sync_to_async(beats_read)()
    assert row.role == "web"
    assert row.stopped_at is not None
    assert "api" in row.figures["groups"]


@pytest.mark.django_db
def test_bots_and_embedded_servers_of_this_machine_are_measured(
    settings: Settings, tmp_path: Path
) -> None:
    settings.BTCW_HOME = tmp_path
    (tmp_path / "run").mkdir()
    with (
        subprocess.Popen(["sleep", "60"]) as bot,
        subprocess.Popen(["sleep", "60"]) as db,
    ):
        try:
            listed = {
                name: {
                    "pid": each.pid,
                    "created": psutil.Process(each.pid).create_time(),
                }
                for name, each in {"postgres": db, "web": bot}.items()
            }
            (tmp_path / "run" / "processes.json").write_text(json.dumps(listed))
            strategy = Strategy.objects.create(name="ema", status="running")
            # Here, and somewhere else under the same number.
            for born in (listed["web"]["created"], 1.0):
                StrategyProcess.objects.create(
                    strategy=strategy,
                    status="running",
                    pid=bot.pid,
                    resource_usage={"create_time": born},
                )
            groups = groups_here()
        finally:
            bot.kill()
            db.kill()
    pids = {name: [each.pid for each in found] for name, found in groups.items()}
    assert pids == {"freqtrade": [bot.pid], "database": [db.pid]}
