"""Upkeep of partitions, as the command and the task do it."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from btc_watcher.lib import patient_locks
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.partitions import (
    PROXY_TESTS,
    TABLES,
    PartitionError,
    Plan,
    apply,
    month_start,
    months_ensure,
    state_read,
)
from monitoring.partitions.rotation import STEPS, partitions_rotate
from monitoring.tasks import rotate_partitions
from tests.lib.test_partitions_database import held_by_another
from tests.monitoring.usual_months import months_usual

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

OLD = date(2019, 1, 1)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the partitions as they were."""
    months_usual()
    before = {table: state_read(table).partitions for table in TABLES}
    yield
    for table, names in before.items():
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table.name}")
        new = state_read(table).partitions - names
        apply(Plan(table, drop=tuple(sorted(new))))
        lost = names - state_read(table).partitions
        months_ensure(table, [date(int(n[-7:-3]), int(n[-2:]), 1) for n in lost])


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("rotate_partitions", *arguments, stdout=output)
    return output.getvalue()


def reports(*arguments: str) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in run("--json", *arguments).splitlines()]
    return {row["table"]: row for row in rows}


def stray(moment: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proxy_test_history (test_time, success) VALUES (%s, true)",
            [moment],
        )


def test_a_dry_run_tells_the_plan_and_changes_nothing() -> None:
    # Old months of other tests may have left gaps.
    run()
    stray("2019-01-05 00:00+00")
    before = {table: state_read(table) for table in TABLES}
    text = run("--dry-run")
    assert "create proxy_test_history_2019_01" in text
    assert "move 1 rows there" in text
    assert "signals: nothing to do" in text
    assert {table: state_read(table) for table in TABLES} == before


def test_the_command_reports_numbers() -> None:
    stray("2019-01-05 00:00+00")
    stray("2019-01-06 00:00+00")
    report = reports()["proxy_test_history"]
    assert report["created"] == ["proxy_test_history_2019_01"]
    assert report["moved_rows"] == 2
    assert report["dropped"] == []
    assert report["error"] == ""
    assert "nothing to do" in run()


def test_each_step_of_each_table_is_told() -> None:
    heard: list[str] = []
    partitions_rotate(told=heard.append)
    assert heard == [table.name for table in TABLES] * STEPS
    heard.clear()
    partitions_rotate(dry_run=True, told=heard.append)
    assert heard == []


def test_the_year_end_is_crossed() -> None:
    rotations = partitions_rotate(today=date(2030, 12, 31))
    for rotation in rotations:
        assert rotation.applied is not None
        assert list(rotation.applied.created)[-4:] == [
            date(2030, 12, 1),
            date(2031, 1, 1),
            date(2031, 2, 1),
            date(2031, 3, 1),
        ]
    assert all(
        r.applied and not r.applied.created
        for r in partitions_rotate(today=date(2030, 12, 31))
    )


def test_by_default_everything_is_kept_for_ever() -> None:
    months_ensure(PROXY_TESTS, [OLD])
    assert all(not row["dropped"] for row in reports().values())
    assert PROXY_TESTS.partition(OLD) in state_read(PROXY_TESTS).partitions


def test_a_number_of_months_drops_what_is_older(settings: Settings) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6}
    for table in TABLES:
        months_ensure(table, [OLD, month_start(timezone.now(), -5)])
    dropped = {name: row["dropped"] for name, row in reports().items()}
    assert dropped == {
        "signals": [],
        "notification_history": [],
        "proxy_test_history": ["proxy_test_history_2019_01"],
        "signal_outcomes": [],
    }


@pytest.mark.parametrize(
    ("kept", "told"), [({"signal": 12}, "'signal'"), ({"signals": 0}, "keeps 0 months")]
)
def test_a_setting_that_makes_no_sense_is_refused_before_anything_is_done(
    settings: Settings, kept: dict[str, int], told: str
) -> None:
    settings.PARTITION_MONTHS_KEPT = kept
    stray("2019-01-05 00:00+00")
    with pytest.raises(CommandError, match=told):
        run()
    with pytest.raises(ConfigurationError, match=told):
        rotate_partitions()
    assert PROXY_TESTS.partition(OLD) not in state_read(PROXY_TESTS).partitions


def test_a_table_that_is_locked_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patient_locks, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(patient_locks, "ATTEMPTS", 1)
    today = date(2031, 5, 5)
    with held_by_another("SELECT FROM notification_history_default"):
        rotations = {r.plan.table.name: r for r in partitions_rotate(today=today)}
    assert "notification_history" in rotations["notification_history"].error
    for name in ("signals", "proxy_test_history"):
        applied = rotations[name].applied
        assert applied is not None
        assert month_start(today, 3) in applied.created


def test_a_table_that_could_not_be_done_fails_the_command_and_the_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patient_locks, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(patient_locks, "ATTEMPTS", 1)
    stray("2019-01-05 00:00+00")
    with held_by_another("SELECT FROM proxy_test_history_default"):
        with pytest.raises(CommandError, match="proxy_test_history"):
            run("--json")
        with pytest.raises(PartitionError, match="proxy_test_history"):
            rotate_partitions()
    rotate_partitions()
    assert PROXY_TESTS.partition(OLD) in state_read(PROXY_TESTS).partitions
