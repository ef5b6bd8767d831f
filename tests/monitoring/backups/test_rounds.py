"""Backups every day: alone, told when they fail, removed when old, listed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError
from django.utils import timezone

from monitoring.backups.selectors import backups_list, backups_rows, backups_summary
from monitoring.backups.services import backup_make, backups_watch
from monitoring.backups.shapes import BackupBusyError, BackupError, State
from monitoring.tasks import backup as backup_task
from monitoring.tasks import watch_backups
from tests.monitoring.backups.conftest import as_setting
from tests.monitoring.backups.looking import alerts, run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from monitoring.backups.servers import Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("folder"),
]


def test_two_at_once_are_refused_and_the_first_goes_on(rows: int) -> None:
    refused: list[BackupError] = []

    def second(_title: str, _detail: str) -> None:
        if not refused:
            with pytest.raises(BackupBusyError) as caught:
                backup_make()
            refused.append(caught.value)
            assert backup_task() == "busy"

    assert backup_make(say=second).state is State.GOOD
    assert len(refused) == 1
    assert len(backups_list()) == 1


def test_a_failure_leaves_a_note_and_an_alert_and_the_next_success_clears_them(
    rows: int, server: Server, settings: Settings, folder: Path
) -> None:
    settings.BACKUP_DATABASE = as_setting(server, "there_is_no_such_database")
    with pytest.raises(BackupError, match="there_is_no_such_database"):
        backup_make()
    (failed,) = backups_list()
    assert failed.state is State.FAILED
    assert "backup:failed" in alerts()
    assert not [p for p in folder.iterdir() if p.name.startswith(".part-")]
    settings.BACKUP_DATABASE = {}
    backup_make()
    assert alerts() == {}
    assert [b.state for b in backups_list()] == [State.GOOD, State.FAILED]


def test_no_room_is_told_before_anything_is_written(
    rows: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.backups.policy.SPARE_BYTES", 10**18)
    with pytest.raises(BackupError, match="are free at"):
        backup_make()
    assert [b.state for b in backups_list()] == [State.FAILED]


def test_redis_away_is_told_and_does_not_stop_the_backup(
    rows: int, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    backup = backup_make()
    assert backup.state is State.GOOD
    assert backup.manifest is not None
    assert "Redis gave no snapshot" in backup.manifest.redis_missing
    assert set(backup.manifest.files) == {"database.dump"}


def test_old_ones_go_and_the_last_good_one_stays(
    rows: int, settings: Settings, folder: Path
) -> None:
    settings.BACKUP_DAYS_KEPT = 0
    first = backup_make()
    second = backup_make(trial=False)
    assert {b.name for b in backups_list()} == {first.name, second.name}
    third = backup_make()
    assert [b.name for b in backups_list()] == [third.name]


def test_age_is_told_by_the_hourly_round_and_a_missed_run_is_made(rows: int) -> None:
    assert backups_watch()
    assert watch_backups() != "ok"
    assert watch_backups() == "ok"
    later = timezone.now() + timedelta(hours=40)
    assert backups_watch(later)
    assert "backup:age" in alerts()
    assert not backups_watch()
    assert alerts() == {}


def test_the_lists_show_state_size_age_and_trial(rows: int) -> None:
    assert "no backup yet" in run("backups")
    made = json.loads(run("backup", "--json"))
    (listed,) = json.loads(run("backups", "--json"))
    assert listed == made
    assert listed["state"] == "good"
    assert listed["trial"]["error"] == ""
    assert listed["rows"] == listed["trial"]["rows"]
    text = run("backups")
    assert made["name"] in text
    assert "restored on trial" in text
    (row,) = backups_rows()
    assert row.age < timedelta(minutes=5)
    summary = backups_summary()
    assert summary["count"] == 1
    assert summary["troubles"] == []
    assert summary["good_at"] is not None


def test_the_command_tells_what_came_of_it(rows: int) -> None:
    text = run("backup")
    # Progress is for terminals, and goes to the error stream.
    assert "Dumping the database" not in text
    assert "every table has its rows" in text
    name = backups_list()[0].name
    assert "Restored on trial" in run("backup", "--try", name)
    with pytest.raises(CommandError, match="There is no backup 'nothing'"):
        run("backup", "--try", "nothing")
