"""What may be removed, what is wrong, how much room is needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone, translation

from monitoring.backups.manifest import manifest_read, manifest_write
from monitoring.backups.policy import (
    AGE,
    FAILED,
    SIZE,
    SPARE_BYTES,
    expired,
    is_missed,
    room_needed,
    troubles,
)
from monitoring.backups.services import alerts_update
from monitoring.backups.shapes import (
    Backup,
    DamagedBackupError,
    FileFacts,
    Manifest,
    State,
    megabytes,
)
from monitoring.backups.words import words_of
from notifications.models import Alert

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
MB = 1_000_000


def entry(days: float, state: State = State.GOOD, size: int = 10 * MB) -> Backup:
    started = NOW - timedelta(days=days)
    name = f"{days:07.3f}"
    manifest = Manifest(
        name,
        started,
        started,
        "db",
        "18.6",
        "pg_dump 18.6",
        "gzip",
        "",
        100 * MB,
        {"database.dump": FileFacts(size, "")},
        {"public.signals": 3},
    )
    failed = state is State.FAILED
    return Backup(
        name,
        Path(name),
        state,
        started,
        0 if failed else size,
        "the disk is full" if failed else "",
        None if failed else manifest,
    )


def keys(*backups: Backup) -> set[str]:
    return {trouble.key for trouble in troubles(backups, NOW)}


def names(backups: list[Backup]) -> list[float]:
    return [float(backup.name) for backup in backups]


def test_what_is_older_than_kept_goes() -> None:
    every = [entry(day) for day in (0.1, 1, 29.9, 30.1, 300)]
    assert names(expired(every, NOW, 30)) == [30.1, 300]


def test_the_last_good_one_stays_however_old_it_is() -> None:
    bad = [entry(day, State.TRIAL_FAILED) for day in (1, 50)]
    every = [*bad, entry(60), entry(70), entry(80, State.FAILED)]
    assert names(expired(every, NOW, 30)) == [50, 70, 80]


def test_the_last_whole_one_stays_when_none_was_ever_restored() -> None:
    every = [
        entry(40, State.FAILED),
        entry(50, State.UNTRIED),
        entry(60, State.DAMAGED),
    ]
    assert names(expired(every, NOW, 30)) == [40, 60]


def test_a_fresh_good_backup_is_no_trouble_and_neither_is_a_new_installation() -> None:
    assert keys(entry(0.2), entry(1.2)) == set()
    assert keys() == set()


@pytest.mark.parametrize(
    "state", [State.FAILED, State.DAMAGED, State.TRIAL_FAILED, State.UNTRIED]
)
def test_a_newest_one_that_is_not_good_is_told(state: State) -> None:
    assert keys(entry(0.1, state), entry(1.1)) == {FAILED}


def test_a_state_is_told_in_the_language_of_its_readers() -> None:
    untried = [replace(entry(0.1, State.UNTRIED), error="")]
    (trouble,) = [each for each in troubles(untried, NOW) if each.key == FAILED]
    for language, told in (("en", "not tried"), ("zh-hans", "未")):
        with translation.override(language):
            text = words_of(trouble).body
        assert told in text
        assert State.UNTRIED.value not in text


def test_age_counts_from_the_last_good_one_and_not_from_attempts() -> None:
    assert keys(entry(1.6)) == {AGE}
    assert keys(entry(0.1, State.FAILED), entry(1.6)) == {FAILED, AGE}
    (age,) = troubles([entry(2)], NOW)
    assert age.facts["hours"] == 48


def test_a_first_failure_is_not_told_as_age_at_once() -> None:
    assert keys(entry(0.1, State.FAILED)) == {FAILED}
    assert keys(entry(0.1, State.FAILED), entry(1.6, State.FAILED)) == {FAILED, AGE}


def test_a_sudden_drop_in_size_is_told_once_the_sizes_mean_something() -> None:
    before = [entry(day, size=10 * MB) for day in (1.1, 2.1, 3.1)]
    assert keys(entry(0.1, size=4 * MB), *before) == {SIZE}
    assert keys(entry(0.1, size=6 * MB), *before) == set()
    small = [entry(day, size=100_000) for day in (1.1, 2.1)]
    assert keys(entry(0.1, size=1000), *small) == set()


def test_sizes_of_another_compression_are_not_compared() -> None:
    newest = entry(0.1, size=4 * MB)
    assert newest.manifest is not None
    changed = replace(newest, manifest=replace(newest.manifest, compression="zstd"))
    assert keys(changed, entry(1.1), entry(2.1)) == set()


def test_one_small_backup_among_large_ones_does_not_become_the_measure() -> None:
    before = [entry(1.1, size=1 * MB), entry(2.1), entry(3.1)]
    assert keys(entry(0.1, size=4 * MB), *before) == {SIZE}


def test_room_follows_the_last_backup_and_how_the_database_grew() -> None:
    assert room_needed([], 100 * MB) == 50 * MB + SPARE_BYTES
    assert room_needed([entry(1)], 100 * MB) == 13 * MB + SPARE_BYTES
    assert room_needed([entry(1)], 200 * MB) == 26 * MB + SPARE_BYTES


def test_a_run_was_missed_when_nothing_was_tried_for_a_day() -> None:
    assert is_missed([], NOW)
    assert is_missed([entry(1.2)], NOW)
    assert not is_missed([entry(0.5, State.FAILED)], NOW)


def test_a_manifest_is_read_as_it_was_written_and_no_other_way() -> None:
    manifest = entry(1).manifest
    assert manifest is not None
    text = manifest_write(manifest)
    assert manifest_read(text) == manifest
    for wrong in (text.replace("3", "4", 1), text[:-40], "[]", "", "{}"):
        with pytest.raises(DamagedBackupError):
            manifest_read(wrong)


def test_sizes_are_told_in_the_unit_that_fits() -> None:
    assert [megabytes(n) for n in (1200, 1_234_567, 3_400_000_000)] == [
        "1.2 kB",
        "1.2 MB",
        "3.40 GB",
    ]


def test_a_backup_from_the_future_says_nothing_of_today() -> None:
    ahead = entry(-400)
    assert keys(ahead) == set()
    assert keys(ahead, entry(0.1, State.FAILED), entry(1.6)) == {FAILED, AGE}
    assert is_missed([ahead], NOW)
    assert is_missed([ahead, entry(1.2)], NOW)
    # The last good one of the past stays, and so does the one that nobody can judge.
    assert names(expired([ahead, entry(40)], NOW, 30)) == []


def test_a_clock_that_jumps_takes_few_of_them_and_the_oldest() -> None:
    every = [entry(day) for day in (0.1, *range(31, 60))]
    assert names(expired(every, NOW, 30)) == [57, 58, 59]
    broken = [entry(70, State.FAILED), entry(80, State.DAMAGED)]
    assert names(expired([*every, *broken], NOW, 30)) == [57, 58, 59, 70, 80]


@pytest.mark.django_db
def test_a_sudden_drop_in_size_raises_an_alert_and_a_usual_size_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = timezone.now()
    monkeypatch.setattr(f"{__name__}.NOW", now)
    before = [entry(day) for day in (1.1, 2.1, 3.1)]
    there = [entry(0.1, size=4 * MB), *before]
    monkeypatch.setattr("monitoring.backups.store.backups_read", lambda: there)
    alerts_update(now)
    (alert,) = Alert.objects.filter(resolved_at=None)
    assert alert.key == SIZE
    assert "4.0 MB" in alert.body
    assert "10.0 MB" in alert.body
    there[:1] = [entry(0.1)]
    alerts_update(now)
    assert not Alert.objects.filter(resolved_at=None).exists()
