"""Real Celery workers on the test's own database and Redis, as processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import redis
from django.conf import settings
from django.db import connection

from btc_watcher.celery import app
from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when ``condition`` holds; fail when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def database_url() -> str:
    """Return the address of the database that the test uses."""
    values = connection.settings_dict
    login = f"{quote(values['USER'])}:{quote(values['PASSWORD'])}"
    return f"postgres://{login}@{values['HOST']}:{values['PORT']}/{values['NAME']}"


class Worker:
    """A worker for the queues of ``priorities``; a context manager that ends it."""

    def __init__(
        self, log: Path, *, threads: int = 2, priorities: tuple[str, ...] = PRIORITIES
    ) -> None:
        self.name = f"{log.stem}-{os.getpid()}"
        self._log = log.open("wb")
        queues = ",".join(notifications_queue(each) for each in priorities)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "btc_watcher", "worker"),
                *("-n", f"{self.name}@test", "--pool", "threads", "-c", str(threads)),
                *("-Q", queues, "--without-gossip", "--without-mingle", "-l", "INFO"),
            ],
            cwd=ROOT,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ)  # noqa: TID251 - the child's, with the test's own servers
            | {
                "DATABASE_URL": database_url(),
                "REDIS_URL": settings.REDIS_URL,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
            },
        )

    def __enter__(self) -> Self:
        try:
            wait_for(self._answers)
        except BaseException:
            self.kill()
            self._log.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.kill()
        self._log.close()

    def _answers(self) -> bool:
        ping = app.control.inspect([f"{self.name}@test"], timeout=0.3)
        # Celery keeps a connection that an earlier test's faults may have ended.
        with contextlib.suppress(redis.ConnectionError):
            return bool(ping.ping())
        return False

    def kill(self) -> None:
        """End it with SIGKILL, as the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait(10)
