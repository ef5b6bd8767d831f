"""``make up``: from a fresh clone to a page that works, and the orderly end of it all."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from typing import TYPE_CHECKING

import requests

from btc_watcher.local import ports
from btc_watcher.local.environment import FOR_SEED_ONLY, LocalEnvironment
from btc_watcher.local.lock import up_lock
from btc_watcher.local.prepare import Preparation
from btc_watcher.local.processes import ProcessManager
from btc_watcher.local.roster import roster
from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from btc_watcher.local.children import Child
    from btc_watcher.local.roster import Ports
    from btc_watcher.local.terminal import Terminal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 180.0
ASK_SECONDS = 5.0
ASK_EVERY_SECONDS = 0.3
ROUND_SECONDS = 0.2
CRASHES_TOLERATED = 3


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP while the system starts; not an error."""


class Up:
    """One run of the system on ``home``."""

    def __init__(self, home: Path, terminal: Terminal) -> None:
        """Nothing is started before ``run()``."""
        self.home = home
        self.terminal = terminal
        self.environment = LocalEnvironment(home)
        self.manager = ProcessManager(home, terminal.line)
        self._stop = threading.Event()
        self._starting = True
        # The one-time password of a new administrator, until it was printed.
        self._password: str | None = None

    def run(self) -> None:
        """Start, serve until a signal comes, stop. LocalError says why it cannot."""
        with up_lock(self.home), self._signals():
            try:
                address = self._start()
                self._starting = False
                self._announce(address)
                while (
                    not self._stop.wait(ROUND_SECONDS) and not self.terminal.is_gone()
                ):
                    self.manager.step()
            except StopRequested:
                self.terminal.line("Interrupted.")
            finally:
                self._starting = False
                self._tell_password()
                with self.terminal.step("Stopping") as say:
                    self.manager.stop(say)

    def _start(self) -> str:
        preparation = Preparation(self.environment, self.manager, self.terminal)
        preparation.check()
        preparation.start_servers()
        chosen = preparation.choose_ports()
        preparation.install_frontend()
        preparation.prepare_django()
        preparation.install_freqtrade()
        self._password = preparation.seed()
        return self._start_children(chosen)

    def _start_children(self, chosen: Ports) -> str:
        address = f"http://{ports.LOOPBACK}:{chosen.web}"
        with self.terminal.step("Starting the processes") as say:
            specs = roster(
                chosen,
                self.environment.for_children(),
                self.environment.for_backups(),
            )
            children = {spec.name: self.manager.start(spec) for spec in specs}
            deadline = time.monotonic() + READY_SECONDS
            while missing := self._missing(children["web"], chosen.web):
                say(missing)
                self._check_start(missing, deadline)
                self._stop.wait(ASK_EVERY_SECONDS)
        return address

    def _missing(self, web: Child, port: int) -> str:
        """Say what is not ready yet; a process that crashed must stay up for a while."""
        self.manager.step()
        if missing := missing_for_use(web, port):
            return missing
        unsettled = self.manager.unsettled()
        return f"waiting for {', '.join(unsettled)} to stay up" if unsettled else ""

    def _check_start(self, missing: str, deadline: float) -> None:
        if self.terminal.is_gone():
            raise StopRequested
        if (broken := self.manager.crashing(CRASHES_TOLERATED)) is not None:
            raise LocalError(f"{broken.name} ends again and again. {broken.log_tail()}")
        if time.monotonic() > deadline:
            raise LocalError(
                f"The system was not ready after {READY_SECONDS:g} s: {missing}. The logs "
                f"are in {self.manager.log_folder}."
            )

    def _announce(self, address: str) -> None:
        self.terminal.line()
        self.terminal.line(f"BTC Watcher is ready at {address}")
        if self._password is None:
            self.terminal.line(
                "Log in as admin with the password of the first start (printed then, or "
                "given as BTCW_ADMIN_PASSWORD)."
            )
            self.terminal.line(
                "To set another: .venv/bin/python manage.py changepassword admin"
            )
        self._tell_password()
        self.terminal.line("Ctrl-C stops everything.")

    def _tell_password(self) -> None:
        """Print the one-time password once, even when the start failed after it."""
        if self._password is None:
            return
        if self._password == self.environment.given(FOR_SEED_ONLY):
            self.terminal.line(
                "Log in as admin with the password in BTCW_ADMIN_PASSWORD."
            )
        else:
            self.terminal.line("Log in as: admin")
            self.terminal.line(f"One-time password: {self._password}")
        self._password = None

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn the first signal into a stop; later ones must not disturb the stopping."""

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            first = not self._stop.is_set()
            self._stop.set()
            if first and self._starting:
                raise StopRequested

        # nohup asks for life after the terminal's end by ignoring its signal.
        wanted = [
            number
            for number in STOP_SIGNALS
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
        ]
        earlier = {number: signal.signal(number, on_signal) for number in wanted}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)


def missing_for_use(web: Child, port: int) -> str:
    """Say what keeps the first page from being used; "" when nothing does."""
    if not ports.listens(web.pid, port):
        return "the web process does not listen yet"
    address = f"http://{ports.LOOPBACK}:{port}"
    with requests.Session() as session:
        # A proxy of the environment must not be asked for loopback.
        session.trust_env = False
        try:
            health = session.get(f"{address}/health/", timeout=ASK_SECONDS)
            page = session.get(f"{address}/", timeout=ASK_SECONDS)
        except requests.RequestException as error:
            return f"the web process does not answer yet ({type(error).__name__})"
    if health.status_code != requests.codes.ok:
        return not_healthy(health.text)
    # The address of the live page leads to the login page.
    return "" if page.ok else f"the login page answers {page.status_code}"


def not_healthy(answer: str) -> str:
    """Say which components the JSON ``answer`` of /health/ calls anything but ok."""
    try:
        words = dict(json.loads(answer))
    except (ValueError, TypeError):
        return "the health page does not answer as it should"
    words.pop("status", None)
    bad = [f"{name} ({word})" for name, word in words.items() if word != "ok"]
    return "waiting for " + ", ".join(bad or ["the health page"])
