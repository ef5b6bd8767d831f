"""What is logged becomes rows of error_logs, whatever happens meanwhile."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from btc_watcher.env import BASE_DIR
from btc_watcher.local import ports
from monitoring.errors import buffer as buffer_module
from monitoring.errors.buffer import Buffer
from monitoring.errors.handler import ErrorLogHandler
from monitoring.errors.reading import key_of, report_of
from monitoring.errors.services import error_resolve
from monitoring.models import ErrorLog
from tests.e2e.system import environment, until

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)


def rows(count: int = 1) -> list[ErrorLog]:
    """Wait for so many rows and return them, the oldest first."""
    until(lambda: ErrorLog.objects.count() >= count, f"{count} rows", 30)
    return list(ErrorLog.objects.order_by("id"))


def counted(total: int) -> ErrorLog:
    """Wait until the only row counts so many."""

    def found() -> ErrorLog | None:
        row = ErrorLog.objects.first()
        return row if row is not None and row.context["count"] >= total else None

    row: ErrorLog = until(found, f"a count of {total}", 30)
    return row


def fail(secret: str = "") -> None:
    raise ValueError(f"no use {secret}")


def test_an_error_is_a_row_with_its_stack_and_where_it_came_from(
    log: logging.Logger,
) -> None:
    try:
        fail()
    except ValueError:
        log.exception("Channel %s failed", "mail", extra={"channel_id": 7})
    (row,) = rows()
    assert (row.level, row.component, row.resolved) == ("ERROR", "notifications", False)
    assert row.message == "Channel mail failed"
    assert row.stack_trace is not None
    assert "ValueError: no use" in row.stack_trace
    assert row.context["error"] == "builtins.ValueError"
    assert row.context["where"].endswith(":fail")
    assert row.context["channel_id"] == 7
    assert row.context["count"] == 1
    assert row.context["from"].endswith(f":{os.getpid()}")


def test_the_same_error_is_one_row_that_counts(log: logging.Logger) -> None:
    for number in range(500):
        log.error("Channel %s failed", number)
    row = counted(500)
    assert (ErrorLog.objects.count(), row.context["count"]) == (1, 500)
    assert row.context["first_seen"] <= row.context["last_seen"]
    log.error("Channel %s failed", "later")
    assert counted(501).message == "Channel later failed"


def test_texts_that_were_put_together_beforehand_are_one_group_too(
    log: logging.Logger,
) -> None:
    for number in range(3):
        log.error(f"Order {number} of 'pair{number}' failed")  # noqa: G004
    assert counted(3).context["count"] == 3
    log.warning("Order 1 of 'x' failed")
    assert {row.level for row in rows(2)} == {"ERROR", "WARNING"}


def test_what_is_below_the_level_is_not_kept(log: logging.Logger) -> None:
    log.setLevel(logging.DEBUG)
    log.info("nothing")
    log.warning("something")
    assert [row.message for row in rows()] == ["something"]


@pytest.mark.parametrize("where", ["message", "argument", "stack", "extra"])
def test_no_secret_is_ever_written(
    where: str, log: logging.Logger, settings: Settings
) -> None:
    settings.SECRET_KEY = secret = "zq8-very-secret-key-of-ours"
    password = "pa55-of-the-proxy"
    text = (
        f"{secret} http://me:{password}@host:1/ token={password}x bot123456:{'A' * 30}"
    )
    try:
        fail(text if where == "stack" else "")
    except ValueError:
        log.exception(
            f"failed {text}" if where == "message" else "failed %s",
            *([] if where == "message" else [text if where == "argument" else ""]),
            extra={"api_key": password, "note": text if where == "extra" else ""},
        )
    (row,) = rows()
    kept = f"{row.message} {row.stack_trace} {row.context}"
    assert secret not in kept
    assert password not in kept
    assert "AAAA" not in kept
    assert row.context["api_key"] == "***"


def test_what_postgresql_says_of_a_refused_row_is_not_kept(
    log: logging.Logger,
) -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO error_logs (level, component, message)"
                " VALUES ('LOUD', 'x', 'my words')"
            )
    except Exception:
        log.exception("refused")
    (row,) = rows()
    assert "my words" not in str(row.stack_trace)
    assert "error_logs_level_check" in str(row.stack_trace)


def test_a_caller_in_a_transaction_that_is_rolled_back_loses_nothing(
    log: logging.Logger,
) -> None:
    with transaction.atomic():
        log.error("kept")
        time.sleep(0.2)
        transaction.set_rollback(True)
    assert rows()[0].message == "kept"


def test_nothing_that_is_logged_ever_raises(
    handler: ErrorLogHandler, log: logging.Logger
) -> None:
    class Nasty:
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    def take(message: object, *args: object) -> None:
        # Straight to the handler: those of pytest raise.
        handler.handle(log.makeRecord(log.name, 40, "f", 1, message, args, None))

    take("of %s", Nasty())
    take("too few %s %s", "x")
    take(Nasty())
    take("half \ud800 and nul \0 of it")
    messages = {row.message for row in rows(4)}
    assert {"of %s", "too few %s %s", "half ? and nul  of it"} <= messages
    assert ErrorLog.objects.get(component="monitoring").context["count"] == 1


def test_logging_from_a_text_that_is_being_made_does_not_hang(
    log: logging.Logger,
) -> None:
    class Chatty:
        def __str__(self) -> str:
            log.error("inside")
            return "outside"

    log.error("%s", Chatty())
    assert {row.message for row in rows(2)} == {"inside", "outside"}


def test_while_the_database_is_away_errors_wait_and_are_written_later(
    log: logging.Logger, handler: ErrorLogHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", str(ports.any_free()))
        for number in range(20):
            log.error("away %s", number)
        time.sleep(0.3)
        assert len(handler.buffer) == 1
    assert counted(20).context["count"] == 20


def test_what_has_no_room_is_counted_and_the_count_is_written(
    log: logging.Logger, handler: ErrorLogHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler.buffer = Buffer(waiting=3, per_hour=100)
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", str(ports.any_free()))
        for number in range(10):
            log.error(f"kind {'abcdefghij'[number]}")  # noqa: G004
    until(lambda: ErrorLog.objects.filter(component="monitoring").exists(), "the count")
    (dropped,) = ErrorLog.objects.filter(component="monitoring")
    assert dropped.context["count"] == 7
    assert ErrorLog.objects.filter(component="notifications").count() == 3


def test_new_groups_are_bounded_by_the_hour_and_known_ones_go_on_counting() -> None:
    buffer = Buffer(waiting=100, per_hour=5)

    def add(text: str, at: float) -> bool:
        record = logging.makeLogRecord(
            {
                "name": "x",
                "levelno": 40,
                "levelname": "ERROR",
                "msg": text,
                "created": at,
            }
        )
        return buffer.add(key_of(record), record, report_of)

    assert [add(letter, 1000.0) for letter in "abcdefg"] == [True] * 5 + [False] * 2
    buffer.take()
    assert add("a", 1001.0)
    assert not add("h", 1001.0)
    assert add("h", 1000.0 + buffer_module.HOUR)


def test_a_flood_costs_little() -> None:
    handler = ErrorLogHandler(gather=0.02)
    records = [
        logging.makeLogRecord(
            {
                "name": "x",
                "levelno": 40,
                "msg": "flood %s",
                "args": (n,),
                "created": 1.0,
            }
        )
        for n in range(20_000)
    ]
    handler._thread = threading.current_thread()
    started = time.process_time()
    for record in records:
        handler.handle(record)
    assert time.process_time() - started < 2
    assert len(handler.buffer) == 1
    handler._thread = None


def test_an_error_that_happens_after_it_was_resolved_opens_again(
    log: logging.Logger,
) -> None:
    log.error("again")
    (row,) = rows()
    error_resolve(row.pk, by="mei", now=timezone.now())
    log.error("again")
    row = counted(2)
    assert (row.resolved, row.resolved_at) == (False, None)
    assert row.context["reopened"] == 1


def test_what_happened_before_it_was_resolved_does_not_open_it(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.error("late")
    (row,) = rows()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", str(ports.any_free()))
        log.error("late")
        time.sleep(0.1)
        error_resolve_later = timezone.now()
    error_resolve(row.pk, by="mei", now=error_resolve_later)
    assert counted(2).resolved


def test_many_processes_count_into_one_row(log: logging.Logger) -> None:
    others = [ErrorLogHandler(gather=0.01, pause=0.01) for _ in range(4)]
    for round_ in range(25):
        for other in others:
            other.handle(
                log.makeRecord(log.name, 40, "f", 1, "same %s", (round_,), None)
            )
        time.sleep(0.01)
    # Before they end: what ends does not wait for a database that is slow.
    assert counted(100).context["count"] == 100
    for other in others:
        other.close()


def test_requests_for_what_is_not_there_are_no_errors_of_ours(
    handler: ErrorLogHandler, log: logging.Logger
) -> None:
    handler.handle(
        logging.makeLogRecord(
            {"name": "django.request", "levelno": 30, "msg": "Not Found: /x"}
        )
    )
    log.error("ours")
    assert [row.message for row in rows()] == ["ours"]


def test_a_failed_task_is_of_the_app_whose_task_it_is(
    handler: ErrorLogHandler,
) -> None:
    args: Any = {"name": "proxies.tasks.check_all", "id": "t-1", "exc": "boom"}
    record = logging.makeLogRecord(
        {"name": "celery.app.trace", "levelno": 40, "msg": "Task %(name)s: %(exc)s"}
    )
    record.args = args
    handler.handle(record)
    (row,) = rows()
    assert (row.component, row.context["task_id"]) == ("proxies", "t-1")


PROGRAM = """
import logging, sys
sys.argv = ["manage.py", "run_supervisor"]
import django
django.setup()
from django.conf import settings
logging.getLogger("freqtrade_mgmt.supervisor").error("the last words of %s", "mine")
"""


def test_the_last_words_of_a_process_are_written_when_it_ends(
    tmp_path: Path, settings: Settings
) -> None:
    variables = environment(
        tmp_path, settings.REDIS_URL, DJANGO_SETTINGS_MODULE="btc_watcher.settings"
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=variables,
        cwd=BASE_DIR,
        capture_output=True,
        timeout=60,
        text=True,
        check=True,
    )
    (row,) = rows()
    assert row.message == "the last words of mine", done.stderr
    assert (row.component, row.context["process"]) == ("freqtrade_mgmt", "supervisor")
    until(_no_other_sessions, "the end of its connection", 10)


def test_a_process_ends_soon_while_the_database_hangs(
    tmp_path: Path, settings: Settings
) -> None:
    variables = environment(
        tmp_path, settings.REDIS_URL, DJANGO_SETTINGS_MODULE="btc_watcher.settings"
    )
    variables["DATABASE_URL"] = f"postgres://a:b@127.0.0.1:{ports.any_free()}/x"
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=variables,
        cwd=BASE_DIR,
        capture_output=True,
        timeout=60,
        text=True,
        check=True,
    )
    assert time.monotonic() - started < 20
    # The console has it, once, and nothing of the failure to store it.
    assert done.stderr.count("the last words") == 1
    assert "Traceback" not in done.stderr


def _no_other_sessions() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'btc_watcher errors'"
        )
        return bool(cursor.fetchone() == (0,))
