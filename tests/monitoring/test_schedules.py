"""Intervals of scheduled work: seeded, changed within bounds, kept, and obeyed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery.schedules import schedule as every
from django.conf import settings as django_settings
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from btc_watcher.celery import app
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import DEFAULT_QUEUE
from monitoring.models import ScheduleSeed
from monitoring.schedules.bounds import BOUNDS, bounds_of, expiry_of, interval_problem
from monitoring.schedules.scheduler import Entry, Scheduler
from monitoring.schedules.services import (
    first_values,
    schedule_change,
    schedules_seed,
)
from tests.e2e.system import until
from tests.monitoring.processes import process

if TYPE_CHECKING:
    from pathlib import Path

    import redis
    from django.test import Client
    from pytest_django import Settings

HEALTH = "strategy health"


def seconds_of(name: str) -> float:
    row = PeriodicTask.objects.get(name=name)
    return float(row.interval.schedule.run_every.total_seconds())


def first(settings: Settings, **changed: float | None) -> None:
    """Change first values as a new release does; None takes an entry away."""
    entries: dict[str, Any] = dict(django_settings.CELERY_BEAT_SCHEDULE)
    for key, seconds in changed.items():
        name = key.replace("_", " ")
        if seconds is None:
            del entries[name]
        else:
            entries[name] = {**entries[name], "schedule": every(seconds)}
    settings.CELERY_BEAT_SCHEDULE = entries


def test_first_values_lie_within_their_bounds() -> None:
    for name, value in first_values().items():
        assert (
            interval_problem(name, value.seconds, bounds_of(name, value.seconds)) == ""
        )


def test_no_bounds_are_for_nobody() -> None:
    assert BOUNDS.keys() - first_values().keys() <= {"backup"}


@pytest.mark.parametrize("seconds", [1, 5, 9, 10, 30, 60, 3600, 86400])
def test_what_is_sent_expires_before_the_next_is_sent(seconds: float) -> None:
    assert 0 < expiry_of(seconds) < seconds


@pytest.mark.django_db
class TestSeeding:
    """What happens at every start of beat."""

    def test_the_first_start_writes_every_entry(self) -> None:
        done = schedules_seed()
        assert set(done.added) == set(first_values())
        assert seconds_of(HEALTH) == 30
        again = schedules_seed()
        assert again.added == again.followed == again.kept == again.removed == ()

    def test_what_an_operator_changed_survives_a_restart(self) -> None:
        schedules_seed()
        schedule_change(name="collect metrics", seconds=45, enabled=False)
        assert schedules_seed().kept == ("collect metrics",)
        assert seconds_of("collect metrics") == 45
        assert not PeriodicTask.objects.get(name="collect metrics").enabled

    def test_what_an_operator_changed_survives_a_release_with_another_first_value(
        self, settings: Settings
    ) -> None:
        schedules_seed()
        schedule_change(name=HEALTH, seconds=45, enabled=True)
        first(settings, strategy_health=20, proxy_failover=20)
        done = schedules_seed()
        assert (done.kept, done.followed) == ((HEALTH,), ("proxy failover",))
        assert seconds_of(HEALTH) == 45
        assert seconds_of("proxy failover") == 20

    def test_an_entry_that_a_release_drops_is_removed(self, settings: Settings) -> None:
        schedules_seed()
        first(settings, expire_drafts=None)
        assert schedules_seed().removed == ("expire drafts",)
        assert not PeriodicTask.objects.filter(name="expire drafts").exists()
        assert not ScheduleSeed.objects.filter(name="expire drafts").exists()

    def test_work_of_somebody_else_is_left_alone(self) -> None:
        interval = IntervalSchedule.objects.create(every=7, period="seconds")
        PeriodicTask.objects.create(name="own", task="x.y", interval=interval)
        schedules_seed()
        assert seconds_of("own") == 7


@pytest.mark.django_db(transaction=True)
def test_the_scheduler_reads_what_was_seeded() -> None:
    scheduler = Scheduler(app=app, lazy=False)
    entry: Any = scheduler.schedule[HEALTH]
    assert entry.schedule.run_every == timedelta(seconds=30)
    assert entry.options["expires"] == expiry_of(30)


@pytest.mark.django_db
class TestChanging:
    """The service."""

    def test_two_entries_of_one_interval_are_changed_apart(self) -> None:
        schedules_seed()
        schedule_change(name=HEALTH, seconds=20, enabled=True)
        assert (seconds_of(HEALTH), seconds_of("proxy failover")) == (20, 30)

    def test_the_expiry_follows_the_interval(self) -> None:
        schedules_seed()
        row = schedule_change(name=HEALTH, seconds=12, enabled=True)
        assert Entry(row, app=app).options["expires"] == expiry_of(12) < 12

    def test_beat_is_told(self) -> None:
        schedules_seed()
        before = PeriodicTasks.last_change()
        schedule_change(name=HEALTH, seconds=20, enabled=True)
        assert PeriodicTasks.last_change() > before

    @pytest.mark.parametrize(
        ("name", "seconds", "enabled", "told"),
        [
            (HEALTH, 5, True, "between 10 and 60"),
            (HEALTH, 61, True, "every 61 seconds"),
            (HEALTH, 30, False, "cannot be switched off"),
            ("nothing", 30, True, "“nothing”"),
        ],
    )
    def test_what_would_harm_is_refused_with_the_reason(
        self, name: str, seconds: int, enabled: bool, told: str
    ) -> None:
        schedules_seed()
        with pytest.raises(ConfigurationError, match=told):
            schedule_change(name=name, seconds=seconds, enabled=enabled)

    def test_what_was_written_past_the_admin_runs_within_its_bounds(self) -> None:
        schedules_seed()
        row = PeriodicTask.objects.get(name=HEALTH)
        row.interval = IntervalSchedule.objects.create(every=1, period="seconds")
        row.save()
        entry: Any = Entry(row, app=app)
        assert entry.schedule.run_every == timedelta(seconds=10)
        assert entry.is_due().next <= 10


def page_of(name: str) -> str:
    row = PeriodicTask.objects.get(name=name)
    return reverse("admin:django_celery_beat_periodictask_change", args=[row.pk])


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
class TestAdmin:
    """The page of an entry."""

    def test_an_interval_is_changed_and_nothing_else(
        self, admin_client: Client
    ) -> None:
        schedules_seed()
        moment = timezone.now() - timedelta(minutes=1)
        PeriodicTask.objects.filter(name=HEALTH).update(last_run_at=moment)
        admin_client.cookies["django_language"] = "en"
        page = admin_client.get(page_of(HEALTH)).content.decode()
        assert "Between 10 and 60" in page
        saved = admin_client.post(page_of(HEALTH), {"seconds": 20, "enabled": "on"})
        assert saved.status_code == 302
        row = PeriodicTask.objects.get(name=HEALTH)
        assert (seconds_of(HEALTH), row.last_run_at) == (20, moment)

    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_what_is_out_of_bounds_is_refused_in_a_sentence(
        self, admin_client: Client, language: str
    ) -> None:
        schedules_seed()
        admin_client.cookies["django_language"] = language
        page = admin_client.post(page_of(HEALTH), {"seconds": 5}).content.decode()
        assert page.count("errorlist") >= 2
        assert seconds_of(HEALTH) == 30
        if language == "en":
            assert "choose between 10 and 60" in page
            assert "cannot be switched off" in page

    def test_nobody_makes_work_of_their_own_or_changes_a_shared_interval(
        self, admin_client: Client
    ) -> None:
        add = reverse("admin:django_celery_beat_periodictask_add")
        assert admin_client.get(add).status_code == 403
        assert (
            admin_client.get("/admin/django_celery_beat/intervalschedule/").status_code
            == 404
        )


@pytest.mark.faults
@pytest.mark.timeout(180)
@pytest.mark.django_db(transaction=True)
def test_a_running_beat_obeys_a_change_without_a_restart(
    admin_client: Client, redis_client: redis.Redis, tmp_path: Path
) -> None:
    name = "expire sessions"
    schedules_seed()
    # Ten minutes ago: not due every hour, due every five minutes.
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(minutes=1))
    PeriodicTask.objects.filter(name=name).update(
        last_run_at=timezone.now() - timedelta(minutes=10)
    )

    def sent() -> list[dict[str, Any]]:
        waiting: Any = redis_client.lrange(DEFAULT_QUEUE, 0, -1)
        found = [json.loads(each)["headers"] for each in waiting]
        return [each for each in found if each["task"].endswith("expire_sessions")]

    beat = process("beat", tmp_path).start()
    try:
        until(lambda: redis_client.llen(DEFAULT_QUEUE), "a first task", 60)
        assert sent() == []
        pid = beat.pid
        saved = admin_client.post(page_of(name), {"seconds": 300, "enabled": "on"})
        assert saved.status_code == 302
        (task,) = until(sent, "a task at the new interval", 30)
        assert beat.pid == pid
        assert task["expires"] is not None
    finally:
        beat.stop()
    # And it is still so when beat starts again.
    beat = process("beat", tmp_path).start()
    try:
        until(lambda: "beat: Starting" in beat.log(), "a second start", 30)
        assert seconds_of(name) == 300
    finally:
        beat.stop()
