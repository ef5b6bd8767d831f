"""Everything that ``make up`` starts, on the soak's own exchange, in a home of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psycopg
import redis

from btc_watcher.env import BASE_DIR
from btc_watcher.local import ports
from btc_watcher.local.environment import LocalEnvironment
from btc_watcher.local.prepare import Preparation
from btc_watcher.local.processes import ProcessManager, running_processes
from btc_watcher.local.roster import roster
from btc_watcher.local.state import LocalError
from btc_watcher.local.up import READY_SECONDS, missing_for_use
from freqtrade_mgmt.simulator import DEFAULT_PAIRS
from tests.soak.exchange import SoakExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import psutil

    from btc_watcher.local.terminal import Terminal

ASK_SECONDS = 0.3
STEP_SECONDS = 0.2
FURNISH_SECONDS = 120.0
OWN_SIMULATOR = "simulator"


class SoakSystem:
    """The whole system. All calls come from the thread that made it."""

    def __init__(self, home: Path, seed: int, terminal: Terminal) -> None:
        self.home = home
        self.terminal = terminal
        # What the process manager tells: ends and restarts.
        self.events: list[str] = []
        self.environment = LocalEnvironment(home)
        self.manager = ProcessManager(home, self.events.append)
        self.exchange = SoakExchange(DEFAULT_PAIRS, seed=seed)
        self.address = ""
        self.made: Mapping[str, Any] = {}
        self._preparation = Preparation(self.environment, self.manager, terminal)

    def start(self, furnish: Mapping[str, Any]) -> None:
        """Start everything; ``furnish`` is what furnish.py reads. LocalError says why not."""
        _borrow(self.home)
        prepared = self._preparation
        prepared.check()
        prepared.start_servers()
        chosen = prepared.choose_ports()
        self.exchange.port = chosen.simulator
        self.exchange.start()
        prepared.install_frontend()
        prepared.prepare_django()
        prepared.install_freqtrade()
        prepared.seed()
        self.made = self._furnish(dict(furnish) | {"exchange": self.exchange.url})
        self.address = f"http://{ports.LOOPBACK}:{chosen.web}"
        with self.terminal.step("Starting the processes"):
            variables = self.environment.for_children()
            specs = roster(chosen, variables, self.environment.for_backups())
            children = {
                spec.name: self.manager.start(spec)
                for spec in specs
                if spec.name != OWN_SIMULATOR
            }
            self.until(
                lambda: not missing_for_use(children["web"], chosen.web),
                "the web process",
                READY_SECONDS,
            )

    def stop(self) -> None:
        """End everything that was started."""
        with self.terminal.step("Stopping") as say:
            self.manager.stop(say)
            self.exchange.stop()

    def until(self, condition: Callable[[], Any], what: str, seconds: float) -> None:
        """Keep the system alive until something is true; LocalError when it stays false."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise LocalError(f"{what} was not there after {seconds:g} s.")
            self.manager.step()
            time.sleep(ASK_SECONDS)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the database as the owner; psycopg.Error while it is away."""
        with self.database() as connection:
            return connection.execute(query, parameters).fetchall()

    def database(self) -> psycopg.Connection:
        """Return a connection of the tables' owner; psycopg.Error while it is away."""
        url = self.environment.owner["DATABASE_URL"]
        return psycopg.connect(url, connect_timeout=5)

    def redis(self) -> redis.Redis:
        """Return a client of the queues' database."""
        return redis.Redis.from_url(
            self.environment.values["REDIS_URL"], socket_timeout=5
        )

    def pids(self) -> dict[str, int]:
        """Return the processes that run now, by name."""
        found = running_processes(self.home)
        return {name: identity.pid for name, identity in found.items()}

    def process(self, name: str) -> psutil.Process | None:
        """Return a process by its name; None while it is away."""
        identity = running_processes(self.home).get(name)
        return identity.process() if identity else None

    def _furnish(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        with self.terminal.step("Making strategies, proxies, channels and a hook"):
            done = subprocess.run(
                [sys.executable, "-m", "tests.soak.furnish"],
                input=json.dumps(asked),
                env=self.environment.for_children()
                | {"DJANGO_SETTINGS_MODULE": "btc_watcher.settings"},
                cwd=BASE_DIR,
                capture_output=True,
                text=True,
                check=False,
                timeout=FURNISH_SECONDS,
            )
        if done.returncode:
            raise LocalError(f"tests.soak.furnish failed: {done.stderr[-2000:]}")
        found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def _borrow(home: Path) -> None:
    """Use what an earlier run has fetched, instead of fetching it again."""
    LocalEnvironment(home).prepare_home()
    kept = {
        "freqtrade": BASE_DIR / "var" / "test-freqtrade",
        "vendor": BASE_DIR / "var" / "vendor",
    }
    for name, source in kept.items():
        if source.is_dir() and any(source.iterdir()):
            (home / name).symlink_to(source.resolve())
