"""Processes of the system on the test's own database, started and killed for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import requests
from django.conf import settings
from django.db import connection

from btc_watcher.env import BASE_DIR
from btc_watcher.programs import web_command
from freqtrade_mgmt.supervisor.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait until the condition gives something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:.0f} s"
        time.sleep(0.05)
    return found


def environment(home: Path, redis_url: str, **more: str) -> dict[str, str]:
    """Return the environment of a process that works on this test's database."""
    database = connection.settings_dict
    login = f"{database['USER']}:{quote(str(database['PASSWORD']))}"
    place = f"{database['HOST']}:{database['PORT']}/{database['NAME']}"
    if not (home / "vendor").is_symlink():
        (home / "vendor").symlink_to(settings.BTCW_HOME / "vendor")
    return dict(os.environ) | {  # noqa: TID251 - for a child of ours
        "DATABASE_URL": f"postgres://{login}@{place}",
        "REDIS_URL": redis_url,
        "BTCW_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "tests.served_settings",
        "BTCW_LOG_LEVEL": "WARNING",
        **more,
    }


class Process:
    """One process with its output in a file."""

    def __init__(
        self, command: list[str], variables: dict[str, str], log: Path
    ) -> None:
        self._command, self._variables, self._log = command, variables, log
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it (again)."""
        with self._log.open("ab") as output:
            self._child = subprocess.Popen(
                self._command,
                cwd=BASE_DIR,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return self

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def stop(self) -> None:
        """End it with SIGTERM, and SIGKILL when that takes too long."""
        if self._child is None or not self.running:
            return
        self._child.terminate()
        try:
            self._child.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process's number; RuntimeError when it was not started."""
        if self._child is None:
            raise RuntimeError("The process was not started.")
        return self._child.pid

    def log(self) -> str:
        """Return what it has printed."""
        return self._log.read_text(errors="replace")


class WebServer(Process):
    """The web process on a port of its own; ``options`` are uvicorn's."""

    def __init__(self, variables: dict[str, str], log: Path, *options: str) -> None:
        self.home = Path(variables["BTCW_HOME"])
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # As it is started everywhere; the last word on an option counts.
        command = [*web_command("127.0.0.1", self.port)]
        command += ["--timeout-graceful-shutdown", "1", *options]
        super().__init__(command, variables, log)

    def start(self) -> Self:
        """Start it and wait until it answers."""
        super().start()
        try:
            until(self._answers, f"an answer of {self.url}")
        except BaseException:
            # Nobody else would end it, and it would be seen by other tests.
            self.kill()
            raise
        return self

    def begin_anew(self) -> None:
        """Run, with nothing of an earlier test in the home."""
        for path in self.home.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != "vendor":
                path.unlink()
        if not self.running:
            self.start()

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/login/", timeout=5).status_code < 500
        except (requests.ConnectionError, requests.Timeout):
            return False
