"""The pages of the backups."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from monitoring.backups import store
from monitoring.backups.manifest import manifest_write
from monitoring.backups.shapes import FileFacts, Manifest, Trial
from monitoring.runs.following import BACKUP
from monitoring.runs.shown import run_shown
from monitoring.schedules.services import schedules_seed
from monitoring.tasks import backup_now, trial_now
from tests.monitoring.asking import asked, person

if TYPE_CHECKING:
    from pathlib import Path

    import redis
    from django.test import Client
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_client", "folder"),
]

PAGE = "/system/backups/"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(person("mei"))
    return client


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(person("li", operator=True))
    return client


def written(
    started: datetime, *, content: bytes = b"dump", tried: str | None = "", **more: Any
) -> str:
    """Write a backup as the folder holds it; ``tried`` None is without a trial."""
    name = started.strftime(store.MOMENT)
    path = store.folder() / name
    path.mkdir()
    (path / "database.dump").write_bytes(content)
    facts = FileFacts(len(content), hashlib.sha256(content).hexdigest())
    known: dict[str, Any] = {
        "name": name,
        "started": started,
        "finished": started + timedelta(seconds=12.5),
        "database": "btc_watcher",
        "server": "17.2",
        "tool": "pg_dump 17.2",
        "compression": "zstd",
        "key": "",
        "database_size": 50_000_000,
        "files": {"database.dump": facts},
        "tables": {"public.signals_2026_11": 1_234_567, "public.proxies": 0},
    }
    manifest = Manifest(**(known | more))
    store.text_put(path / store.MANIFEST, manifest_write(manifest))
    if tried is not None:
        store.trial_keep(path, Trial(started, 3.5, 0 if tried else 1_234_567, tried))
    return name


def text_of(client: Client, address: str = PAGE) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_without_a_backup_the_page_says_what_to_do(operator: Client) -> None:
    text = text_of(operator)
    assert "There is no backup yet." in text
    assert text.count("Back up now") == 2


def test_every_state_is_shown_with_its_reason(staff: Client) -> None:
    now = timezone.now()
    written(now - timedelta(days=3))
    written(now - timedelta(days=2), tried="After the restore 1 tables do not have")
    written(now - timedelta(hours=30), tried=None, key="k1")
    damaged = written(now - timedelta(hours=20))
    (store.folder() / damaged / "database.dump").write_bytes(b"cut")
    store.failure_note(now, "A backup needs about 9.0 GB, and 1.0 GB are free.")
    text = text_of(staff)
    for words in (
        "restored on trial",
        "not restorable",
        "After the restore 1 tables do not have",
        "not tried",
        "encrypted",
        "damaged",
        "3 bytes instead of 4",
        "failed",
        "A backup needs about 9.0 GB",
        "The backup could not be made",
        "No good backup for 72 hours",
        "1,234,567",
        "12 s",
        "3.5 s",
    ):
        assert words in text, words
    assert "chart-data" in text


def test_one_backup_is_shown_with_its_manifest_and_how_to_restore_it(
    staff: Client,
) -> None:
    name = written(timezone.now(), redis_missing="Redis refused a snapshot.")
    text = text_of(staff, f"{PAGE}{name}/")
    checksum = hashlib.sha256(b"dump").hexdigest()
    for words in (
        f"manage.py restore {name} --into look",
        f"manage.py restore {name} --yes-really",
        "public.signals_2026_11",
        "1 empty table",
        "PostgreSQL 17.2",
        "Redis refused a snapshot.",
        checksum,
        "every table had its rows",
    ):
        assert words in text, words


def test_a_key_that_nobody_has_any_more_is_told(staff: Client) -> None:
    name = written(timezone.now(), key="lost-key")
    assert "key “lost-key”, which is not in" in text_of(staff, f"{PAGE}{name}/")


def test_what_failed_or_is_damaged_has_no_command(staff: Client) -> None:
    note = store.failure_note(timezone.now(), "The disk is full.")
    text = text_of(staff, f"{PAGE}{note.name}/")
    assert "The disk is full." in text
    assert "manage.py restore" not in text
    name = written(timezone.now() - timedelta(days=1))
    (store.folder() / name / "manifest.json").write_text("{}")
    text = text_of(staff, f"{PAGE}{name}/")
    assert "The manifest cannot be read." in text
    assert "manage.py restore" not in text
    assert staff.get(f"{PAGE}20010101T000000Z/").status_code == 404


def test_a_short_disk_and_an_old_backup_are_told(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.backups.policy.room_needed", lambda *_: 1 << 60)
    written(timezone.now() - timedelta(days=5))
    text = text_of(staff)
    assert "the next one needs about" in text
    assert text.count('class="stat num bad"') == 2


def test_when_the_next_one_is_due_is_told(staff: Client) -> None:
    assert "the schedule has never run" in text_of(staff)
    schedules_seed()
    assert "first start" in text_of(staff)


def test_a_backup_is_asked_of_a_worker_once(
    operator: Client, redis_client: redis.Redis
) -> None:
    operator.post(f"{PAGE}make/")
    ((task, words),) = asked(redis_client)
    assert (task, words["by"]) == ("monitoring.tasks.backup_now", "li")
    assert "asked for by li" in text_of(operator)
    live = operator.get(f"{PAGE}live/")
    assert "begins soon" in live.content.decode()
    assert "HX-Refresh" not in live.headers
    operator.post(f"{PAGE}make/")
    assert len(asked(redis_client)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_makes_what_was_asked_for_and_tries_it_again(
    operator: Client, redis_client: redis.Redis
) -> None:
    operator.post(f"{PAGE}make/")
    ((_task, words),) = asked(redis_client)
    name = backup_now(**words)
    run = run_shown(BACKUP)
    assert run is not None
    assert (run.state, run.name) == ("done", name)
    titles = [step.title for step in run.steps]
    assert titles[0] == "Dumping the database"
    assert "Restoring" in titles
    assert operator.get(f"{PAGE}live/").headers["HX-Refresh"] == "true"
    assert "restored on trial" in text_of(operator)
    redis_client.flushdb()
    operator.post(f"{PAGE}{name}/try/")
    ((task, words),) = asked(redis_client)
    assert (task, words["name"]) == ("monitoring.tasks.trial_now", name)
    (store.folder() / name / "database.dump").write_bytes(b"cut")
    with pytest.raises(Exception, match="bytes instead of"):
        trial_now(**words)
    assert "bytes instead of" in text_of(operator)


def test_a_worker_that_finds_another_at_work_says_so(
    operator: Client, redis_client: redis.Redis
) -> None:
    operator.post(f"{PAGE}make/")
    ((_task, words),) = asked(redis_client)
    with store.lock():
        assert backup_now(**words) == "busy"
    assert "Another backup or restore is at work." in text_of(operator)


def test_only_staff_see_the_pages_and_only_operators_ask_for_work(
    client: Client, redis_client: redis.Redis
) -> None:
    name = written(timezone.now())
    reads = [PAGE, f"{PAGE}live/", f"{PAGE}{name}/"]
    writes = [f"{PAGE}make/", f"{PAGE}{name}/try/"]
    assert [client.get(each).status_code for each in reads] == [302] * 3
    client.force_login(person("jo", staff=False))
    assert [client.get(each).status_code for each in reads] == [403] * 3
    assert [client.post(each).status_code for each in writes] == [403] * 2
    client.force_login(person("mei"))
    assert [client.get(each).status_code for each in reads] == [200] * 3
    assert '<button class="btn btn-primary"' not in text_of(client)
    assert [client.post(each).status_code for each in writes] == [403] * 2
    assert [client.get(each).status_code for each in writes] == [405] * 2
    assert asked(redis_client) == []


def test_the_folder_may_be_missing_or_full_of_other_things(
    staff: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.BACKUP_FOLDER = str(tmp_path / "nowhere")
    assert "There is no backup yet." in text_of(staff)
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere" / "lost+found").mkdir()
    (tmp_path / "nowhere" / "notes.txt").write_text("by hand")
    assert "There is no backup yet." in text_of(staff)
