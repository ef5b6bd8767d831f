"""Backups lie in a folder of one machine: who makes them, who tells of them."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as live_settings
from django.utils import timezone

from btc_watcher.celery import app
from btc_watcher.lib.redis_keys import BACKUPS_QUEUE, DEFAULT_QUEUE
from btc_watcher.programs import urgent_command, worker_command
from monitoring.backups import store
from monitoring.backups.places import place_figures, places_read, tells_here
from monitoring.backups.services import alerts_update, backup_make, backups_watch
from monitoring.backups.shapes import BackupError
from monitoring.heartbeats.queues import QUEUES
from monitoring.heartbeats.store import Identity, beat_write, beats_read
from monitoring.watch.judging import Level
from monitoring.watch.kinds import KINDS
from notifications.models import Alert
from tests.e2e.system import Process, environment, until
from tests.monitoring.asking import asked, person
from tests.monitoring.backups.looking import alerts, run
from tests.monitoring.backups.test_page import PAGE, text_of, written
from tests.monitoring.doctor.asking import doctor
from tests.monitoring.processes import CELERY

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from django.test import Client
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client", "folder"),
]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(person("li", operator=True))
    return client


@contextmanager
def machine(settings: Settings, name: str, folder: Path) -> Iterator[None]:
    """Be another machine with a folder of its own."""
    before = (settings.NODE_NAME, settings.BACKUP_FOLDER)
    settings.NODE_NAME, settings.BACKUP_FOLDER = name, str(folder)
    try:
        yield
    finally:
        settings.NODE_NAME, settings.BACKUP_FOLDER = before


def works(name: str, *, makes_backups: bool = True) -> None:
    """Give the sign of life of a worker of the machine ``name``, from its own settings."""
    says: dict[str, Any] = place_figures() if makes_backups else {}
    beat_write(Identity(name, "worker", "worker", 1, 1.0), says)


def queues(command: tuple[str, ...]) -> set[str]:
    return set(command[command.index("-Q") + 1].split(","))


def test_a_worker_reads_the_queue_of_backups_where_the_setting_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert BACKUPS_QUEUE in queues(worker_command())
    assert BACKUPS_QUEUE not in queues(urgent_command())
    monkeypatch.setenv("BTCW_BACKUP_HERE", "false")
    assert BACKUPS_QUEUE not in queues(worker_command())


def test_everything_about_backups_goes_to_their_queue(
    operator: Client, redis_client: redis.Redis
) -> None:
    routes = live_settings.CELERY_TASK_ROUTES
    for task in ("backup", "backup_now", "trial_now", "watch_backups"):
        assert routes[f"monitoring.tasks.{task}"] == {"queue": BACKUPS_QUEUE}
    operator.post(f"{PAGE}make/")
    assert redis_client.llen(BACKUPS_QUEUE) == 1
    # A machine that does not read it can fill it all the same.
    app.send_task("monitoring.tasks.watch_backups", ignore_result=True)
    assert redis_client.llen(BACKUPS_QUEUE) == 2


@pytest.mark.timeout(180)
def test_a_real_worker_says_that_it_makes_backups_if_it_reads_their_queue(
    tmp_path: Path, redis_client: redis.Redis, folder: Path
) -> None:
    def there() -> dict[str, bool]:
        return {row.name: "backups" in row.figures for row in beats_read()}

    quick = "tests.monitoring.quick_settings"
    variables = environment(
        tmp_path,
        live_settings.REDIS_URL,
        DJANGO_SETTINGS_MODULE=quick,
        BTCW_BACKUP_FOLDER=str(folder),
    )

    def worker(name: str, queue: str) -> Process:
        command = [*CELERY, "worker", "-n", f"{name}@test", "--pool", "threads"]
        command += ["-c", "1", "-Q", queue, "--without-gossip", "--without-mingle"]
        return Process(command, variables, tmp_path / f"{name}.log").start()

    workers = [worker("makes", BACKUPS_QUEUE), worker("not", DEFAULT_QUEUE)]
    try:
        until(lambda: len(there()) == 2, "both give signs of life", 90)
        assert there() == {"makes": True, "not": False}
        (place,) = places_read()
    finally:
        for each in workers:
            each.stop()
    assert (place.folder, place.is_here) == (str(folder), True)


def test_the_page_of_another_machine_says_where_backups_are(
    operator: Client, settings: Settings, tmp_path: Path, redis_client: redis.Redis
) -> None:
    with machine(settings, "b", tmp_path / "b"):
        written(timezone.now())
        works("b")
        text = text_of(operator)
        assert f"Backups are made on b and lie in {tmp_path / 'b'}." in text
        assert "restored on trial" in text
    works("a", makes_backups=False)
    store.failure_note(timezone.now(), "A machine of its own had no room.")
    name = written(timezone.now())
    text = text_of(operator)
    assert "Backups are made on b." in text
    assert str(tmp_path / "b") in text
    # What lies here is shown, and nothing is said to be wrong with it.
    assert "could not be made" not in text
    assert "Newest good one" not in text
    assert "Try again" not in text
    assert "Try again" not in text_of(operator, f"{PAGE}{name}/")
    operator.post(f"{PAGE}{name}/try/")
    assert asked(redis_client) == []
    assert "Workers try the backups of b" in text_of(operator)
    assert f"made and kept on b ({tmp_path / 'b'})" in run("backups")


def test_who_sees_the_same_folder_from_another_machine_sees_its_backups(
    operator: Client, settings: Settings, tmp_path: Path
) -> None:
    with machine(settings, "b", tmp_path / "b"):
        works("b")
    # As a container that mounts the volume elsewhere.
    (tmp_path / "mounted").symlink_to(tmp_path / "b")
    settings.BACKUP_FOLDER = str(tmp_path / "mounted")
    assert tells_here(places_read())
    assert "Newest good one" in text_of(operator)
    settings.BACKUP_FOLDER = str(tmp_path / "another")
    assert store.mark(make=True)
    assert not tells_here(places_read())


def test_a_shared_folder_is_known_where_the_client_makes_up_inode_numbers(
    settings: Settings, tmp_path: Path
) -> None:
    with machine(settings, "a", tmp_path / "shared"):
        works("a")
    # The same text in a file of another number, as sshfs and s3fs show it.
    (tmp_path / "mounted").mkdir()
    (tmp_path / "held").write_text("keeps the number")
    text = (tmp_path / "shared" / store.MARK).read_text()
    (tmp_path / "mounted" / store.MARK).write_text(text)
    settings.NODE_NAME, settings.BACKUP_FOLDER = "b", str(tmp_path / "mounted")
    works("b")
    (place,) = places_read()
    assert (place.nodes, place.is_here) == (("a", "b"), True)


def test_a_folder_that_everybody_may_write_to_by_now_is_told_of(
    settings: Settings, folder: Path
) -> None:
    works(settings.NODE_NAME)
    folder.chmod(0o777)
    works(settings.NODE_NAME)
    (place,) = places_read()
    assert place.is_here
    with pytest.raises(BackupError, match="chmod 700"):
        backup_make()
    assert "backup:failed" in alerts()
    assert doctor("backups.age")[0]["backups.age"]["state"] != "skipped"


def test_a_folder_that_fails_after_the_last_sign_of_life_is_told_of(
    settings: Settings, folder: Path
) -> None:
    works(settings.NODE_NAME)
    shutil.rmtree(folder)
    folder.write_text("no folder")
    with pytest.raises(BackupError, match="cannot be made"):
        backup_make()
    assert "backup:failed" in alerts()


def test_while_the_worker_is_missing_it_is_told_once(operator: Client) -> None:
    kind = next(each for each in KINDS if each.key == "backup:place")
    # The urgent worker is left; the queue of all else has no reader.
    urgent = {QUEUES: ["queue:notifications:P0"]}
    beat_write(Identity("a", "worker", "urgent", 1, 1.0), urgent)
    assert kind.look(timezone.now(), {}).level is Level.BETWEEN
    found = doctor("backups.place", "processes.worker")[0]
    assert found["backups.place"]["state"] == "skipped"
    assert "queue:default" in found["backups.place"]["words"]
    assert found["processes.worker"]["state"] == "failed"


def test_two_machines_that_make_backups_are_found_with_a_cure(
    operator: Client, settings: Settings, tmp_path: Path
) -> None:
    works("a")
    with machine(settings, "b", tmp_path / "b"):
        works("b")
    found = doctor("backups.place")[0]["backups.place"]
    assert found["state"] == "failed"
    assert "a (" in found["words"]
    assert "b (" in found["words"]
    assert "BTCW_BACKUP_HERE=false" in found["cure"]
    assert "Several machines make backups" in text_of(operator)
    assert "BTCW_BACKUP_HERE=false" in run("backups")
    # With one folder for both nothing is wrong: one at a time uses it.
    with machine(settings, "b", Path(settings.BACKUP_FOLDER)):
        works("b")
    assert doctor("backups.place")[1]


def test_that_nobody_makes_backups_is_found(operator: Client) -> None:
    works("a", makes_backups=False)
    found = doctor("backups.place")[0]["backups.place"]
    assert found["state"] == "failed"
    assert "BTCW_BACKUP_HERE" in found["cure"]
    assert "No worker makes backups at the moment." in text_of(operator)
    assert "No worker makes backups at the moment." in run("backups")
    kind = next(each for each in KINDS if each.key == "backup:place")
    assert kind.look(timezone.now(), {}).level is Level.WRONG
    works("a")
    assert kind.look(timezone.now(), {}).level is Level.RIGHT
    assert doctor("backups.place")[1]


def test_doctor_does_not_judge_a_folder_that_is_not_in_use(
    settings: Settings, tmp_path: Path
) -> None:
    with machine(settings, "b", tmp_path / "b"):
        works("b")
    found = doctor("backups.age")[0]["backups.age"]
    assert found["state"] == "skipped"
    assert "they lie on b" in found["words"]


def test_another_machine_neither_raises_nor_resolves_what_is_told_of_backups(
    settings: Settings, tmp_path: Path
) -> None:
    with machine(settings, "b", tmp_path / "b"):
        works("b")
        store.failure_note(timezone.now(), "The disk of b is full.")
        alerts_update()
        assert set(alerts()) == {"backup:failed"}
    # By hand, elsewhere: it works, and says nothing of the backups of b.
    assert backup_make().is_whole
    backups_watch()
    assert set(alerts()) == {"backup:failed"}
    store.failure_note(timezone.now(), "The disk of this machine is full.")
    alerts_update()
    assert "b is full" in Alert.objects.get(resolved_at=None).body
    with machine(settings, "b", tmp_path / "b"):
        backup_make()
    assert alerts() == {}


def test_of_two_that_make_backups_neither_resolves_what_the_other_raised(
    settings: Settings, tmp_path: Path
) -> None:
    works("a")
    with machine(settings, "b", tmp_path / "b"):
        works("b")
        store.failure_note(timezone.now(), "The disk of b is full.")
        alerts_update()
    alerts_update()
    assert set(alerts()) == {"backup:failed"}
    # When b is gone for good, the one that is left may.
    beat_write(Identity("b", "worker", "worker", 1, 1.0), {})
    alerts_update()
    assert alerts() == {}


def test_without_a_living_worker_the_setting_decides_who_tells(
    settings: Settings,
) -> None:
    settings.BACKUP_HERE = False
    store.failure_note(timezone.now(), "The disk is full.")
    alerts_update()
    assert alerts() == {}
    settings.BACKUP_HERE = True
    alerts_update()
    assert set(alerts()) == {"backup:failed"}


def test_a_folder_without_a_mark_is_known_by_its_machine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    folder.mkdir()
    (folder / store.MARK).write_text("nonsense")
    assert store.mark(make=True) == ""
    works(settings.NODE_NAME)
    assert tells_here(places_read())
    settings.NODE_NAME = "elsewhere"
    assert not tells_here(places_read())
