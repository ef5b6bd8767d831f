"""The processes of the system as they are really started: worker and web."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests
from django.conf import settings as django_settings
from kombu import Connection

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.redis_keys import DEFAULT_QUEUE
from freqtrade_mgmt.supervisor.processes import free_port
from monitoring.database.pools import pools_listed
from monitoring.models import ErrorLog
from tests.e2e.system import Process, environment, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def variables(tmp_path: Path, redis_client: redis.Redis) -> dict[str, str]:
    """The product's own settings: with the handler, and with a pool."""
    (tmp_path / "static").mkdir()
    return environment(
        tmp_path,
        django_settings.REDIS_URL,
        DJANGO_SETTINGS_MODULE="btc_watcher.settings",
        BTCW_DB_POOL_MIN="1",
        BTCW_DB_POOL_MAX="3",
    )


@pytest.fixture
def worker(variables: dict[str, str], tmp_path: Path) -> Iterator[Process]:
    command = [
        *(sys.executable, "-m", "celery", "-A", "btc_watcher", "worker"),
        *("-n", f"errors-{os.getpid()}@test", "--pool", "threads", "-c", "1"),
        *("-Q", DEFAULT_QUEUE, "--without-gossip", "--without-mingle"),
    ]
    process = Process(command, variables, tmp_path / "worker.log").start()
    yield process
    process.stop()


def send(task: str, *arguments: Any) -> None:
    """Put a task into the queue as Celery does."""
    number = str(uuid.uuid4())
    headers = {"id": number, "task": task, "lang": "py"}
    with Connection(django_settings.REDIS_URL) as connection:
        connection.Producer().publish(
            [list(arguments), {}, {}],
            routing_key=DEFAULT_QUEUE,
            headers=headers,
            correlation_id=number,
            serializer="json",
        )


def get(port: int, path: str) -> bool:
    """Ask for a page; tell whether there was any answer."""
    try:
        requests.get(f"http://127.0.0.1:{port}{path}", timeout=5)
    except requests.ConnectionError:
        return False
    return True


def test_a_worker_writes_what_fails_in_it_and_reports_its_pool(
    worker: Process,
) -> None:
    # It takes no argument, so it fails before it does anything.
    send("monitoring.tasks.tell_errors", "too many")
    row = until(
        lambda: ErrorLog.objects.filter(
            context__process="worker", level="ERROR"
        ).first(),
        f"the error of the worker {worker.log()}",
        60,
    )
    assert row.component == "monitoring"
    assert row.context["task"] == "monitoring.tasks.tell_errors"
    assert "TypeError" in str(row.stack_trace)
    # One that works, for there is a pool when there is work.
    send("monitoring.tasks.tell_errors")
    pool = until(
        lambda: next((each for each in pools_listed() if each.kind == "worker"), None),
        "the pool of the worker",
        60,
    )
    assert pool.process.endswith(f":{worker.pid}")
    assert pool.most == 3


ENDING = """
import sys, threading
sys.argv = ["manage.py", "run_supervisor"]
import django
django.setup()
thread = threading.Thread(target=lambda: 1 / 0, name="bots")
thread.start()
thread.join()
raise RuntimeError("password='of-nobody-else'")
"""


def test_what_ends_a_thread_or_a_process_is_written(variables: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING],
        env=variables,
        cwd=BASE_DIR,
        capture_output=True,
        timeout=60,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    # And the console has it as before.
    assert "Traceback" in done.stderr
    found = until(
        lambda: ErrorLog.objects.count() == 2 and list(ErrorLog.objects.order_by("id")),
        f"both {done.stderr}",
    )
    stacks = {row.message: (row.level, str(row.stack_trace)) for row in found}
    level, stack = stacks["This process ends."]
    assert level == "CRITICAL"
    assert "RuntimeError: password='***'" in stack
    level, stack = stacks["The thread bots ended."]
    assert level == "ERROR"
    assert "ZeroDivisionError" in stack


def test_what_the_web_server_says_of_a_crash_is_written(
    variables: dict[str, str], tmp_path: Path
) -> None:
    # An application that breaks outside of Django, which would tell it itself.
    (tmp_path / "breaking.py").write_text(
        "from btc_watcher.asgi import application as real\n"
        "async def application(scope, receive, send):\n"
        "    if scope['type'] == 'http' and scope['path'] == '/break':\n"
        "        raise RuntimeError('broken outside')\n"
        "    await real(scope, receive, send)\n"
    )
    port = free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "breaking:application"),
        *("--host", "127.0.0.1", "--port", str(port), "--no-access-log"),
    ]
    variables["PYTHONPATH"] = str(tmp_path)
    server = Process(command, variables, tmp_path / "web.log").start()
    try:
        until(lambda: get(port, "/health/"), f"an answer {server.log()}", 60)
        get(port, "/break")
        row = until(
            lambda: ErrorLog.objects.filter(context__logger="uvicorn.error").first(),
            "the error of the web process",
            30,
        )
    finally:
        server.stop()
    assert "broken outside" in str(row.stack_trace)
    assert (row.level, row.context["process"]) == ("ERROR", "web")
