"""The guard of this node as the supervisor sees it: started, told, asked whether it lives."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.bot_files import file_write
from freqtrade_mgmt.supervisor import guard_program

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from freqtrade_mgmt.supervisor.identity import ProcessKey

logger = logging.getLogger(__name__)

ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
START_SECONDS: Final = 3.0
POLL_SECONDS: Final = 0.05
FOR_EVER: Final = 1e9


def clock() -> float:
    """Return a clock that goes on while the machine sleeps, and is never set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Guard:
    """The process that ends our bots when we do not renew their leases any more."""

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()
        self._child: subprocess.Popen[bytes] | None = None
        self._on = False
        self._last = ""

    def runs(self) -> bool:
        """Tell whether there is one, whoever started it; the kernel knows."""
        if self._child is not None:
            self._child.poll()
        try:
            with (self._home / "run" / "guard.lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def start(self) -> bool:
        """Start one unless there is one; tell whether it runs. Takes a moment."""
        if self.runs():
            return True
        try:
            (self._home / "run").mkdir(parents=True, exist_ok=True)
            self._child = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", guard_program.__file__, str(self._home)],
                cwd="/",
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Whatever ends us must not end it.
                start_new_session=True,
                umask=0o077,
            )
        except OSError as error:
            logger.error("The guard of the bots cannot be started: %s", error)  # noqa: TRY400
            return False
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.runs():
                return True
            time.sleep(POLL_SECONDS)
        logger.error("The guard of the bots did not start in %.0f s.", START_SECONDS)
        return False

    def order(self, until: float, bots: Iterable[ProcessKey]) -> None:
        """Have it end all bots after ``until`` (of ``clock``); raises OSError.

        The moment comes first, and into a file of its own that keeps its size: a disk
        that is full must not end the bots.
        """
        self._write_moment(until)
        try:
            self._write({"on": True, "bots": [[key.pid, key.origin] for key in bots]})
        except OSError:
            # It finds the bots by their command lines too, if it is on at all.
            if not self._on:
                raise
        self._on = True

    def call_off(self) -> None:
        """Have it end nobody; raises OSError."""
        if self._on or (self._home / "run" / "guard.json").exists():
            self._on = False
            self._write_moment(clock() + FOR_EVER)
            self._write({"on": False})

    def _write_moment(self, until: float) -> None:
        path = self._home / "run" / guard_program.MOMENT
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            text = f"{until:.3f}".ljust(guard_program.MOMENT_SIZE)
            os.pwrite(descriptor, text.encode(), 0)
        finally:
            os.close(descriptor)

    def _write(self, order: dict[str, object]) -> None:
        text = json.dumps({"boot": guard_program.boot(), **order})
        if text != self._last:
            file_write(self._home / "run" / "guard.json", text)
            self._last = text
