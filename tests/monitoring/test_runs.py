"""What a page knows of work that somebody waits for."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from django.utils.translation import gettext, override

from btc_watcher.lib import redis_client as redis_module
from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.local import ports
from monitoring.dispatch import NotAskedError, backup_soon, rotation_soon
from monitoring.runs import following
from monitoring.runs.cache import run_begin, run_put, run_read
from monitoring.runs.following import BACKUP, followed
from monitoring.runs.shown import Run, run_shown
from tests.monitoring.asking import asked

if TYPE_CHECKING:
    import redis
    from pytest_django import Settings

pytestmark = pytest.mark.usefixtures("redis_client")


def shown() -> Run:
    run = run_shown(BACKUP)
    assert run is not None
    return run


def fail_unexpectedly() -> None:
    with followed(BACKUP, "backup") as run:
        run.say("Restoring", "")
        raise ValueError("a secret")


def test_a_run_is_asked_for_once_taken_and_told_step_by_step(
    redis_client: redis.Redis,
) -> None:
    number = backup_soon(by="mei")
    assert asked(redis_client) == [
        ("monitoring.tasks.backup_now", {"run": number, "by": "mei"})
    ]
    assert (shown().state, shown().is_open, shown().waits_long) == (
        "waiting",
        True,
        False,
    )
    with pytest.raises(NotAskedError, match="was asked for already"):
        backup_soon(by="li")
    with followed(BACKUP, "backup", number=number, by="mei") as run:
        assert (shown().state, shown().steps) == ("running", ())
        run.say("Dumping the database", "table 3 of 60 (public.signals), 1.5 MB")
        (first,) = shown().steps
        assert (first.percent, first.is_last) == (5, True)
        assert first.detail == "table 3 of 60 (public.signals) · 1.5 MB"
        run.say("Checking the files", "250.0 kB / 1.0 MB")
        first, second = shown().steps
        assert (first.percent, first.is_last, first.detail) == (None, False, "1.5 MB")
        assert (second.percent, second.is_last) == (25, True)
        run.name("20261123T031700Z")
    assert (shown().state, shown().is_open, shown().error) == ("done", False, "")
    assert shown().has_just_ended
    assert (shown().by, shown().name) == ("mei", "20261123T031700Z")
    # What has ended is no obstacle.
    assert rotation_soon(by="li")
    assert backup_soon(by="li") != number


def test_texts_are_kept_in_english_and_shown_in_the_readers_language() -> None:
    with override("zh-hans"), followed(BACKUP, "backup") as run:
        run.say(gettext("Restoring"), "")
        (step,) = shown().steps
        assert step.title == gettext("Restoring")
        with override("en"):
            (step,) = shown().steps
            assert step.title == "Restoring"


def test_a_run_that_does_not_get_its_turn_hides_nothing() -> None:
    with followed(BACKUP, "backup", by="the first") as first:
        first.say("Restoring", "")
        with (
            pytest.raises(BtcWatcherError),
            followed(BACKUP, "trial", number="another", by="the second"),
        ):
            raise BtcWatcherError("Another backup or restore is at work.")
        assert (shown().by, shown().state) == ("the first", "running")
    assert shown().state == "done"


def test_why_a_run_failed_is_told_and_an_unexpected_error_keeps_its_words() -> None:
    number = backup_soon(by="mei")
    with (
        pytest.raises(BtcWatcherError),
        followed(BACKUP, "backup", number=number, by="mei"),
    ):
        raise BtcWatcherError("The disk is full.")
    assert (shown().failed, shown().error) == (True, "The disk is full.")
    with pytest.raises(ValueError, match="secret"):
        fail_unexpectedly()
    assert shown().failed
    assert "ValueError" in shown().error
    assert "secret" not in shown().error


def test_a_long_step_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "SIGN_SECONDS", 0.05)
    with followed(BACKUP, "backup") as run:
        run.say("Restoring", "")
        before = time.time()
        deadline = before + 10
        while time.time() - shown().unseen < before:
            assert time.time() < deadline, "no sign of life came"


@pytest.mark.parametrize(
    ("state", "ago", "expected"),
    [
        ("running", 5.0, (True, False, False)),
        ("running", 300.0, (False, True, False)),
        ("waiting", 5.0, (True, False, False)),
        ("waiting", 60.0, (True, False, True)),
        ("done", 300.0, (False, False, False)),
    ],
)
def test_a_worker_that_died_or_never_came_is_told(
    state: str, ago: float, expected: tuple[bool, bool, bool]
) -> None:
    at = timezone.now() - timedelta(seconds=ago)
    values: dict[str, Any] = {
        "number": "1",
        "what": "backup",
        "by": "",
        "state": state,
        "at": at.isoformat(),
        "seen": at.timestamp(),
        "steps": [],
        "error": "",
    }
    run_put(BACKUP, values)
    run = shown()
    assert (run.is_open, run.is_lost, run.waits_long) == expected


def test_without_redis_nothing_is_known_and_nobody_is_asked(settings: Settings) -> None:
    redis_module.redis_connection.cache_clear()
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.any_free()}/0"
    try:
        assert run_shown(BACKUP) is None
        with pytest.raises(NotAskedError, match="queue of tasks is away"):
            backup_soon(by="mei")
    finally:
        redis_module.redis_connection.cache_clear()


def test_of_many_that_ask_at_once_one_is_heard(redis_client: redis.Redis) -> None:
    def ask(number: int) -> bool:
        together.wait(30)
        try:
            backup_soon(by=f"person {number}")
        except NotAskedError:
            return False
        return True

    together = threading.Barrier(6)
    with ThreadPoolExecutor(6) as pool:
        heard = list(pool.map(ask, range(6)))

    assert sum(heard) == 1
    assert len(asked(redis_client)) == 1


def test_a_connection_that_is_lost_meanwhile_is_not_somebody_elses_run(
    redis_client: redis.Redis,
) -> None:
    def stands(_there: dict[str, Any]) -> bool:
        asked_for.append(True)
        if len(asked_for) == 1:
            redis_client.client_kill_filter(_type="normal", skipme=True)
        return False

    asked_for: list[bool] = []
    run_put(BACKUP, {"state": "done"})
    assert run_begin(BACKUP, {"number": "1"}, stands) is True
    assert len(asked_for) == 2
    assert run_read(BACKUP) == {"number": "1"}


def test_a_run_whose_answer_was_lost_is_our_own(redis_client: redis.Redis) -> None:
    run_put(BACKUP, {"number": "1"})
    assert run_begin(BACKUP, {"number": "1"}, lambda _there: True) is True
    assert run_begin(BACKUP, {"number": "2"}, lambda _there: True) is False


def test_what_has_ended_or_makes_no_sense_keeps_nobody_from_asking(
    redis_client: redis.Redis,
) -> None:
    with followed(BACKUP, "backup"):
        pass
    assert backup_soon(by="mei")
    run_put(BACKUP, {"state": "running"})
    assert backup_soon(by="li")
    assert len(asked(redis_client)) == 2
