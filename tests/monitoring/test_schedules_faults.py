"""The schedule while the clock is set, and while the database is away."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from btc_watcher.celery import app
from btc_watcher.local.ports import any_free
from monitoring.schedules.scheduler import Entry, Scheduler
from monitoring.schedules.services import first_values, schedules_seed

pytestmark = pytest.mark.django_db(transaction=True)
HEALTH = "strategy health"


class Quiet(Scheduler):
    """Sends nothing, and remembers what it would have sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        super().__init__(app=app, lazy=False)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.sent.append(entry.name)


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick asks for a producer, which would connect."""
    monkeypatch.setattr(Scheduler, "producer", None)


def drained(scheduler: Quiet) -> list[str]:
    """Tick until nothing is due, and return what was sent."""
    scheduler.sent.clear()
    for _ in range(3 * len(first_values())):
        scheduler.tick()
    return sorted(scheduler.sent)


def ran(moment: Any) -> None:
    PeriodicTask.objects.update(last_run_at=moment)


def test_a_last_run_that_has_not_been_yet_keeps_nothing_from_running() -> None:
    schedules_seed()
    ran(timezone.now() + timedelta(days=365))
    row = PeriodicTask.objects.get(name=HEALTH)
    assert Entry(row, app=app).is_due().next <= 30


def test_after_the_clock_was_set_back_everything_runs_at_its_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedules_seed()
    ran(timezone.now() - timedelta(days=2))
    scheduler = Quiet()
    assert drained(scheduler) == sorted(first_values())
    now, real = timezone.now, time.time

    hour = timedelta(hours=1)
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    monkeypatch.setattr(timezone, "now", lambda: now() - hour)
    monkeypatch.setattr(
        Entry, "_default_now", lambda self: now().astimezone(self.app.timezone) - hour
    )
    monkeypatch.setattr(app, "now", lambda: now() - hour)
    # Nothing runs twice, and nothing waits for the hour to be over.
    assert drained(scheduler) == []
    waits = [entry.is_due().next for entry in scheduler.schedule.values()]
    assert min(waits) <= 10
    assert scheduler.schedule[HEALTH].is_due().next <= 30
    assert scheduler._heap[0][0] - timezone.now().timestamp() <= 10


def test_a_clock_that_is_only_kept_in_step_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedules_seed()
    scheduler = Quiet()
    real = time.time
    assert not scheduler._was_set_back()
    monkeypatch.setattr(time, "time", lambda: real() - 0.5)
    assert not scheduler._was_set_back()
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert not scheduler._was_set_back()
    monkeypatch.setattr(time, "time", real)
    assert scheduler._was_set_back()
    assert not scheduler._was_set_back()


def test_beat_outlives_an_outage_of_the_database_and_then_reads_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedules_seed()
    ran(timezone.now())
    scheduler = Quiet()
    scheduler.tick()
    # More than five minutes later, when all is read again whatever has changed.
    scheduler._last_full_sync -= timedelta(minutes=10)
    with monkeypatch.context() as patch:
        connection.close()
        patch.setitem(connection.settings_dict, "PORT", str(any_free()))
        for _ in range(2):
            assert scheduler.tick() <= 5
    PeriodicTask.objects.filter(name=HEALTH).delete()
    scheduler.tick()
    assert HEALTH not in scheduler.schedule
