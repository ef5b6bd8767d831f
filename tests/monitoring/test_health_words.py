"""From answers to a report, and a question that is never answered."""

from __future__ import annotations

import threading
import time

import pytest

from monitoring.health import Probe, summary

GOOD = {
    "database": "ok",
    "redis": "ok",
    "queue": "ok",
    "supervisor": "ok",
    "worker": "ok",
    "partitions": "ok",
}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, "ok"),
        ({"supervisor": "idle"}, "ok"),
        ({"supervisor": "absent"}, "unavailable"),
        ({"supervisor": "stale"}, "unavailable"),
        ({"worker": "late"}, "unavailable"),
        ({"queue": "late"}, "unavailable"),
        ({"database": "failed"}, "unavailable"),
        ({"redis": "timeout"}, "unavailable"),
        ({"partitions": "warning"}, "warning"),
        ({"partitions": "warning", "redis": "failed"}, "unavailable"),
    ],
)
def test_the_status_is_that_of_the_worst_component(
    changed: dict[str, str], status: str
) -> None:
    assert summary(GOOD | changed)["status"] == status


def test_what_was_not_answered_is_unknown_and_not_well() -> None:
    report = summary({"database": "failed", "redis": "ok"})
    assert report == {
        "status": "unavailable",
        "database": "failed",
        "redis": "ok",
        "supervisor": "unknown",
        "worker": "unknown",
        "partitions": "unknown",
    }


def test_a_late_queue_makes_the_worker_late() -> None:
    assert summary(GOOD | {"queue": "late"})["worker"] == "late"


def test_every_word_is_one_word() -> None:
    assert all(word.isalpha() for word in summary(GOOD).values())


def test_a_question_that_hangs_is_waited_for_briefly_and_asked_only_once() -> None:
    answered = threading.Event()
    asked: list[int] = []

    def question() -> dict[str, str]:
        asked.append(1)
        answered.wait(30)
        return {"a": "ok"}

    probe = Probe("test", question, {"a": "timeout"})
    started = time.monotonic()
    for _ in range(3):
        probe.ask()
        assert probe.answer(time.monotonic() + 0.05) == {"a": "timeout"}
    assert time.monotonic() - started < 5
    assert asked == [1]
    answered.set()
    assert probe.answer(time.monotonic() + 10) == {"a": "ok"}
    probe.ask()
    assert probe.answer(time.monotonic() + 10) == {"a": "ok"}
    assert asked == [1, 1]
