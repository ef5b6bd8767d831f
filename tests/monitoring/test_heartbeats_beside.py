"""A disk that does not answer keeps no sign of life back."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from btc_watcher.celery import app
from btc_watcher.lib.redis_keys import BACKUPS_QUEUE
from monitoring.heartbeats import attach
from monitoring.heartbeats.beside import Beside
from monitoring.heartbeats.models import Role
from monitoring.heartbeats.reporter import Reporter
from monitoring.heartbeats.store import beats_read
from tests.e2e.system import until

if TYPE_CHECKING:
    from collections.abc import Iterator


class Disk:
    """Answers with a number, at once or when ``goes_on`` is set."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.asked = 0
        self.error: OSError | None = None

    def find(self) -> dict[str, Any]:
        self.asked += 1
        self.goes_on.wait(60)
        if self.error:
            raise self.error
        return {"backups": self.asked}


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.goes_on.set()


def test_a_disk_that_is_well_is_told_as_it_is_now(disk: Disk) -> None:
    beside = Beside(disk.find, "The disk", wait=20)
    assert [beside.newest()["backups"] for _ in range(3)] == [1, 2, 3]


def test_what_was_known_is_told_for_a_while_and_then_nothing(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    beside = Beside(disk.find, "The disk", wait=0.01, keep=1.0)
    until(lambda: beside.newest() != {}, "the first answer", 20)
    disk.goes_on.clear()
    until(lambda: beside.newest() == {}, "it is too old", 20)
    asked = disk.asked
    assert beside.newest() == {}
    # One at a time, however long it takes, and said once.
    assert disk.asked == asked
    assert caplog.text.count("The disk has not answered for") == 1
    disk.goes_on.set()
    until(lambda: beside.newest() != {}, "it answers again", 20)


def test_an_error_is_no_answer(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    beside = Beside(disk.find, "The disk", wait=20)
    disk.error = OSError(5, "Input/output error")
    assert beside.newest() == {}
    assert "The disk cannot be looked at: Input/output error" in caplog.text
    disk.error = None
    assert beside.newest() == {"backups": 2}


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_backup_folder_hangs_beats(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sender:
        hostname = "worker@a"

    made: list[Reporter] = []
    disk.goes_on.clear()
    monkeypatch.setattr(attach, "place_figures", disk.find)
    monkeypatch.setattr(attach, "_start", made.append)
    Sender.app = app  # type: ignore[attr-defined]
    monkeypatch.setattr(app.amqp.queues, "_consume_from", {BACKUPS_QUEUE: None})
    attach._worker_ready(Sender())
    started = time.monotonic()
    made[0]._step(10)
    made[0]._step(10)
    assert time.monotonic() - started < 20
    # A process that another test ended may beat once more.
    (row,) = (each for each in beats_read() if each.pid == os.getpid())
    assert row.figures["queues"] == [BACKUPS_QUEUE]
    assert "backups" not in row.figures


@pytest.mark.django_db(transaction=True)
def test_what_a_process_tells_is_found_out_before_it_holds_the_lock_of_names() -> None:
    inside: list[bool] = []

    def tells() -> dict[str, Any]:
        inside.append(connection.in_atomic_block)
        return {}

    Reporter(Role.WORKER, "worker", tells=tells)._step(10)
    assert inside == [False, False]
