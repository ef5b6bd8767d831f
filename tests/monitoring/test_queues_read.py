"""Workers live, but does anybody read every queue?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from monitoring.doctor.processes import workers_finding
from monitoring.doctor.shapes import State, failed, ok
from monitoring.heartbeats.queues import NEEDED
from monitoring.heartbeats.store import Identity, Seen, beat_write, beats_read
from monitoring.heartbeats.telling import key_of, look_around
from monitoring.heartbeats.watch import Limits, queues_unread, troubles
from notifications.models import Alert
from tests.e2e.system import until
from tests.monitoring.beating import STEADY, aged, beating
from tests.monitoring.doctor.asking import doctor
from tests.monitoring.processes import process

if TYPE_CHECKING:
    from pathlib import Path

BOUNDS = Limits()
URGENT, BULK = NEEDED[:1], NEEDED[1:]
LIVES, STOPPED_LONG_AGO, SILENT_FOR_LONG = 1.0, 1000.0, 1000.0


def worker(
    *queues: str, age: float = LIVES, stopped: bool = False, tells: bool = True
) -> Seen:
    now = timezone.now()
    figures = {"queues": list(queues)} if tells else {}
    end = now if stopped else None
    name = "-".join(queues) or "w"
    return Seen("here", "worker", name, 1, now, now, end, age, figures)


def unread(*rows: Seen, longer: float = 0.0) -> tuple[str, ...]:
    return queues_unread(rows, BOUNDS, longer=longer)


# -- Which queues ------------------------------------------------------------------------


def test_a_queue_is_read_when_a_living_worker_says_so() -> None:
    assert unread(worker(*NEEDED)) == ()
    assert unread(worker(*URGENT), worker(*BULK)) == ()
    assert unread(worker(*URGENT)) == BULK
    assert unread(worker(*BULK)) == URGENT
    assert unread() == NEEDED


def test_a_worker_that_ended_or_died_reads_nothing() -> None:
    assert unread(worker(*URGENT), worker(*BULK, stopped=True)) == BULK
    assert unread(worker(*URGENT), worker(*BULK, age=SILENT_FOR_LONG)) == BULK


def test_a_worker_that_does_not_tell_is_taken_to_read_everything() -> None:
    assert unread(worker(tells=False)) == ()


def test_one_that_was_restarted_a_moment_ago_is_not_missed_yet() -> None:
    ended = worker(*BULK, stopped=True, age=20)
    assert unread(worker(*URGENT), ended, longer=BOUNDS.absent_after) == ()
    ended = worker(*BULK, stopped=True, age=STOPPED_LONG_AGO)
    assert unread(worker(*URGENT), ended, longer=BOUNDS.absent_after) == BULK


# -- Whoever looks after the others ------------------------------------------------------


def test_queues_that_nobody_reads_are_most_urgent_although_a_worker_lives() -> None:
    rows = [worker(*URGENT), worker(*BULK, stopped=True, age=STOPPED_LONG_AGO)]
    everybody = frozenset({"beat", "supervisor"})
    (found,) = troubles(rows, BOUNDS, steady_s=STEADY, optional=everybody)
    assert (found.role, found.priority, found.unread) == ("worker", "P0", BULK)
    assert found.dead == ()
    # Whoever has just come does not know who reads what.
    assert troubles(rows, BOUNDS, steady_s=100.0, optional=everybody) == []


@pytest.mark.django_db
def test_the_alert_names_the_queues_and_ends_when_somebody_reads_them() -> None:
    beating("beat", "supervisor")
    beat_write(Identity("a", "worker", "urgent", 8, 1.0), {"queues": list(URGENT)})
    look_around(STEADY)
    alert = Alert.objects.get(key=key_of("worker"))
    assert alert.priority == "P0"
    assert all(name in alert.title for name in BULK)
    assert URGENT[0] not in alert.title
    beat_write(Identity("a", "worker", "bulk", 9, 1.0), {"queues": list(BULK)})
    look_around(STEADY)
    alert.refresh_from_db()
    assert alert.resolved_at is not None


# -- The doctor --------------------------------------------------------------------------


def test_the_finding_adds_what_nobody_reads_to_what_lives() -> None:
    lives = ok("Alive: urgent.", 1)
    assert workers_finding(lives, (), "start") == lives
    found = workers_finding(lives, BULK[:1], "start")
    assert found.state is State.FAILED
    assert found.words == (
        f"Alive: urgent. Nobody reads the queue {BULK[0]}: what is in it waits."
    )
    assert "the queues" in workers_finding(lives, BULK, "start").words
    # When none lives that says it all.
    nobody = failed("None lives.", "start", 0)
    assert workers_finding(nobody, NEEDED, "start") == nobody


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
def test_the_doctor_is_not_content_with_the_urgent_worker_alone() -> None:
    beat_write(Identity("a", "worker", "urgent", 8, 1.0), {"queues": list(URGENT)})
    found, fine = doctor("processes.worker")
    assert not fine
    assert all(name in found["processes.worker"]["words"] for name in BULK)
    assert "make up" in found["processes.worker"]["cure"]
    beat_write(Identity("a", "worker", "bulk", 9, 1.0), {"queues": list(BULK)})
    assert doctor("processes.worker")[1]
    aged(BOUNDS.dead_after + 10, name="urgent")
    found, fine = doctor("processes.worker")
    assert not fine
    assert "urgent (a) died" in found["processes.worker"]["words"]
    assert URGENT[0] in found["processes.worker"]["words"]


@pytest.mark.timeout(120)
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
def test_a_real_worker_tells_what_it_reads(tmp_path: Path) -> None:
    running = process("worker", tmp_path).start()
    try:
        (row,) = until(beats_read, "a heartbeat", 60)
    finally:
        running.stop()
    assert row.figures["queues"] == sorted(NEEDED)
