"""Several supervisors as processes, and a way to cut one of them off its database."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
from django.conf import settings
from django.db import connection
from django.utils import timezone

from btc_watcher.env import BASE_DIR
from freqtrade_mgmt.models import FreqtradeVersion
from strategies.services import strategy_create

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strategies.models import Strategy

PROGRAM = Path(__file__).with_name("fake_freqtrade.py")
VERSION = "2026.9"
CODE = """
from freqtrade.strategy import IStrategy


class Always(IStrategy):
    timeframe = "1m"
"""


def release_fake(folder: Path) -> None:
    """Record a release that is no freqtrade, and starts in a moment."""
    python = folder / VERSION / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {PROGRAM} "$@"\n')
    python.chmod(0o755)
    FreqtradeVersion.objects.create(
        version=VERSION,
        is_installed=True,
        install_date=timezone.now(),
        install_path=str(folder / VERSION),
    )


def always(name: str) -> Strategy:
    """Make a strategy whose every candle has a mark."""
    return strategy_create(
        name=name,
        config={
            "class_name": "Always",
            "code": CODE,
            "exchange": "simulated",
            "pairs": ["BTC/USDT"],
            "timeframe": "1m",
            "strength": {"default": 90},
        },
    )


class Node:
    """A supervisor as a process, with a home of its own.

    ``folder`` is its home's name, where that is not the node's; ``more`` is added to its
    environment.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        lease: int,
        port: int = 0,
        *,
        folder: str = "",
        **more: str,
    ) -> None:
        self.name, self.lease = name, lease
        self.home = root / (folder or name)
        self.home.mkdir(parents=True, exist_ok=True)
        self._port, self._more = port, more
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        known = connection.settings_dict
        port = self._port or known["PORT"]
        login = f"{known['USER']}:{known['PASSWORD']}"
        environment = dict(os.environ) | {  # noqa: TID251 - for a child of ours
            "DATABASE_URL": f"postgres://{login}@{known['HOST']}:{port}/{known['NAME']}",
            "REDIS_URL": settings.REDIS_URL,
            "BTCW_HOME": str(self.home),
            "BTCW_NODE": self.name,
            "BTCW_LEASE_SECONDS": str(self.lease),
            "BTCW_SIMULATOR_URL": "http://127.0.0.1:1/api/v3",
            "BTCW_DB_POOL_MIN": "1",
            # A process for each strategy, unless a test says otherwise.
            "BTCW_RUNNERS": "0",
            **self._more,
        }
        with (self.home / "supervisor.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run_supervisor"],
                cwd=BASE_DIR,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it as a power cut would, its bots excepted."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def end(self) -> None:
        """End it in an orderly way; whatever is left is killed."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
            self.process.kill()
            self.process.wait()
        for pids in bots_of(self.home).values():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.guards():
            assert time.monotonic() < deadline, "the guard lives on"
            time.sleep(0.1)

    def guards(self) -> list[int]:
        """Return the guards of this home."""
        wanted = ["guard_program.py", str(self.home)]
        return [
            pid
            for pid, words in commands()
            if words[-1:] == wanted[1:] and words[-2].endswith(wanted[0])
        ]

    def log(self) -> str:
        """Return what it said."""
        return (self.home / "supervisor.log").read_text()


@contextlib.contextmanager
def nodes(*made: Node) -> Iterator[None]:
    """Start nodes, and end whatever is left of them."""
    try:
        for node in made:
            node.start()
        yield
    finally:
        for node in made:
            node.end()


def commands() -> Iterator[tuple[int, list[str]]]:
    """Yield the living processes with their command lines."""
    for pid in psutil.pids():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
        except (OSError, UnicodeDecodeError):
            continue
        if words:
            yield pid, words


def bots_of(home: Path) -> dict[int, list[int]]:
    """Return the processes of the bots of a home, by strategy."""
    found: dict[int, list[int]] = defaultdict(list)
    start = f"{home}/bots/"
    for pid, words in commands():
        if "--userdir" in words:
            folder = words[words.index("--userdir") + 1]
            if folder.startswith(start):
                found[int(folder.removeprefix(start))].append(pid)
    return dict(found)


class Sampler:
    """Looks five times a second who runs what; two at once of a strategy are noted."""

    def __init__(self, *watched: Node) -> None:
        self._nodes = watched
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.twice: list[Any] = []
        self.samples = 0
        self.where: dict[int, str] = {}
        # How many strategies ran at once, at least, since the test asked for it anew.
        self.least = 1_000

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            seen: dict[int, list[tuple[str, int]]] = defaultdict(list)
            for node in self._nodes:
                for strategy_id, pids in bots_of(node.home).items():
                    seen[strategy_id] += [(node.home.name, pid) for pid in pids]
            self.where = {key: found[0][0] for key, found in seen.items()}
            self.least = min(self.least, len(seen))
            self.twice += [
                (key, found) for key, found in seen.items() if len(found) > 1
            ]
            self.samples += 1


class Forwarder:
    """Carries connections to the database, until it refuses them or swallows all.

    ``place`` (host, port) is another server than the database.
    """

    def __init__(self, place: tuple[str, int] | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        known = connection.settings_dict
        self._place = place or (known["HOST"], int(known["PORT"]))
        self.way = threading.Event()
        self.way.set()
        self.refusing = False
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._ending = False

    def __enter__(self) -> Self:
        """Begin to carry."""
        self._begin(self._accept)
        return self

    def __exit__(self, *_details: object) -> None:
        """Hang up and stop listening."""
        self._ending = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self.way.set()
        self._hang_up()
        for thread in self._threads:
            thread.join(10)
        for each in [self._listening, *self._open]:
            each.close()

    def _begin(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def refuse(self) -> None:
        """Break every connection, and every new one."""
        self.refusing = True
        self._hang_up()

    def swallow(self) -> None:
        """Carry nothing any more, and tell nobody."""
        self.way.clear()

    def mend(self) -> None:
        """Carry again."""
        self.refusing = False
        self.way.set()

    def _hang_up(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._ending:
            try:
                near, _address = self._listening.accept()
            except OSError:
                return
            if self.refusing:
                near.close()
                continue
            far = socket.create_connection(self._place)
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                self._begin(self._carry, *pair)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self.way.wait()
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def wait(condition: Callable[[], Any], what: str, seconds: float, *told: Node) -> float:
    """Wait for a condition; return how long it took."""
    begun = time.monotonic()
    while not condition():
        took = time.monotonic() - begun
        logs = "\n".join(f"--- {node.name}\n{node.log()[-3000:]}" for node in told)
        assert took < seconds, f"{what} did not happen in {seconds:.0f} s\n{logs}"
        time.sleep(0.1)
    return time.monotonic() - begun
