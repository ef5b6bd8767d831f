"""What goes wrong while errors are written down."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from monitoring.errors import handler as handler_module
from monitoring.errors.buffer import HOUR, Buffer
from monitoring.errors.reading import MESSAGE_LENGTH, cleaned, key_of, report_of
from monitoring.models import ErrorLog
from tests.e2e.system import until

if TYPE_CHECKING:
    from pytest_django import Settings

    from monitoring.errors.handler import ErrorLogHandler

pytestmark = pytest.mark.django_db(transaction=True)


def record(text: str, *args: Any, **more: Any) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "proxies.x", "levelno": 40, "levelname": "ERROR", "msg": text}
        | {"args": args}
        | more
    )
    made.args = args
    return made


def messages() -> set[str]:
    return set(ErrorLog.objects.values_list("message", flat=True))


def test_what_can_never_be_stored_does_not_keep_the_rest_waiting(
    handler: ErrorLogHandler,
) -> None:
    # A moment of no calendar, a number that JSON does not know, names of all kinds.
    handler.handle(record("no moment", created=float("inf")))
    handler.handle(record("no number", ratio=float("nan"), **{"a\0\ud800b": "x\0"}))
    handler.handle(record("a thread", threadName="half \ud800 of \0 it"))
    handler.handle(record("the rest"))
    until(lambda: {"no number", "a thread", "the rest"} <= messages(), "the rest")
    assert "no moment" not in messages()
    assert len(handler.buffer) == 0 or handler.buffer.take()[0] == {}
    row = ErrorLog.objects.get(message="no number")
    assert row.context["ratio"] == "nan"


def test_a_thread_that_cannot_be_started_is_started_later(
    handler: ErrorLogHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("monitoring.errors.handler.threading.Thread", Refused)
        handler.handle(record("while there are too many"))
    handler.handle(record("when there is room"))
    until(lambda: len(messages()) == 2, "both")


def test_a_thread_that_died_is_replaced(handler: ErrorLogHandler) -> None:
    handler.handle(record("first"))
    until(lambda: messages() == {"first"}, "the first")
    dead = threading.Thread(target=int)
    dead.start()
    dead.join()
    handler._thread = dead
    handler.handle(record("second"))
    until(lambda: len(messages()) == 2, "both")


def test_what_is_logged_while_the_thread_is_started_does_not_hang(
    handler: ErrorLogHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = threading.Thread.start

    def start(self: threading.Thread) -> None:
        # As a finalizer does that runs between any two lines.
        handler.handle(record("inside"))
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    done = threading.Event()

    def log() -> None:
        handler.handle(record("outside"))
        done.set()

    real(threading.Thread(target=log, daemon=True))
    assert done.wait(10)
    until(lambda: messages() == {"inside", "outside"}, "both")
    names = [each for each in threading.enumerate() if each is handler._thread]
    assert len(names) == 1


def test_the_end_of_the_interpreter_does_not_wait_for_what_its_thread_logs(
    handler: ErrorLogHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitoring.errors import writing  # noqa: PLC0415 - as the thread does

    real = writing.reports_write

    def chatty(reports: Any) -> int:
        handler.handle(record("of the thread itself"))
        return real(reports)

    monkeypatch.setattr(writing, "reports_write", chatty)
    handler.handle(record("last words"))
    started = time.monotonic()
    # As logging.shutdown does.
    handler.acquire()
    try:
        handler.flush()
        handler.close()
    finally:
        handler.release()
    until(lambda: messages() == {"last words"}, "the last words", 5)
    assert time.monotonic() - started < 2 * handler_module.CLOSE_SECONDS


def test_the_child_of_a_fork_writes_its_own_and_nothing_twice(
    handler: ErrorLogHandler,
) -> None:
    handler.handle(record("of the parent"))
    gc.collect()
    connection.close()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            handler.handle(record("of the child"))
            handler.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    until(lambda: messages() == {"of the parent", "of the child"}, "both")
    counts = [row.context["count"] for row in ErrorLog.objects.all()]
    assert counts == [1, 1]
    senders = {row.context["from"].rpartition(":")[2] for row in ErrorLog.objects.all()}
    assert senders == {str(os.getpid()), str(child)}


def test_a_huge_text_costs_its_caller_next_to_nothing() -> None:
    text = "password='x' 12345 " * 500_000
    buffer = Buffer()
    made = record(text)
    started = time.process_time()
    for _ in range(50):
        buffer.add(key_of(made), made, report_of)
    assert time.process_time() - started < 1
    (report,) = buffer.take()[0].values()
    assert report.count == 50
    assert len(cleaned(report).message) <= MESSAGE_LENGTH


def test_a_template_that_says_nothing_does_not_make_one_error_of_all() -> None:
    keys = {
        key_of(record("%s", text)).fingerprint
        for text in ("disk full", "no route to host", "disk full")
    }
    assert len(keys) == 2
    same = {
        key_of(record("%s: %s", "x", n)).fingerprint
        for n in ("order 1 failed", "order 2 failed")
    }
    assert len(same) == 1
    named = {key_of(record("failed %s", n)).fingerprint for n in ("a", "b")}
    assert len(named) == 1


def test_two_tasks_that_fail_in_one_place_are_two_errors() -> None:
    def of(task: str) -> str:
        made = record("Task %(name)s raised: %(exc)s", name="celery.app.trace")
        made.args = {"name": task, "id": "1", "exc": "boom"}
        return key_of(made).fingerprint

    assert of("a.tasks.b") != of("a.tasks.c")
    assert of("a.tasks.b") == of("a.tasks.b")


def test_a_clock_that_is_set_back_does_not_keep_new_errors_out() -> None:
    buffer = Buffer(waiting=100, per_hour=2)

    def add(text: str, at: float) -> bool:
        made = record(text, created=at)
        return buffer.add(key_of(made), made, report_of)

    now = 1_000_000.0
    assert [add(letter, now) for letter in "abc"] == [True, True, False]
    assert add("d", now - 24 * HOUR)


def test_what_was_resolved_while_the_clock_was_ahead_opens_again(
    handler: ErrorLogHandler,
) -> None:
    handler.handle(record("again"))
    until(lambda: messages() == {"again"}, "the error")
    ErrorLog.objects.update(
        resolved=True, resolved_at=timezone.now() + timedelta(days=1)
    )
    handler.handle(record("again"))
    until(lambda: ErrorLog.objects.get().context["count"] == 2, "the second")
    row = ErrorLog.objects.get()
    assert (row.resolved, row.resolved_at, row.context["reopened"]) == (False, None, 1)


def inner() -> None:
    error = ValueError("first with password='of-the-first'")
    error.add_note("note: token=of-the-note")
    raise error


def outer() -> None:
    try:
        inner()
    except ValueError as error:
        raise RuntimeError("second http://me:of/the@second") from error


def test_a_chain_of_errors_is_stored_whole_and_without_secrets(
    handler: ErrorLogHandler, settings: Settings
) -> None:
    handler.handle(record("plain"))
    try:
        outer()
    except RuntimeError as error:
        info = (type(error), error, error.__traceback__)
        handler.handle(record("chained", exc_info=info))
    until(lambda: len(messages()) == 2, "both")
    stack = str(ErrorLog.objects.get(message="chained").stack_trace)
    assert "direct cause" in stack
    for secret in ("of-the-first", "of-the-note", "of/the"):
        # The line of the source is in the stack as well.
        assert secret not in stack
