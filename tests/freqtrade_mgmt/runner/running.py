"""Starting the runner program and bots beside each other, on the simulated exchange."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import requests

import freqtrade_mgmt.runner
from freqtrade_mgmt.bot_config import (
    SIMULATED,
    BotCredentials,
    BotPaths,
    BotSpec,
    bot_command,
    bot_environment,
    bot_folder_write,
)
from freqtrade_mgmt.supervisor.processes import Port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRAM = Path(freqtrade_mgmt.runner.__file__).parent
POLL_SECONDS = 0.05

Found = TypeVar("Found")


def wait_until(
    found: Callable[[], Found], seconds: float = 60, about: Callable[[], object] = str
) -> Found:
    """Return what ``found`` returns once it is true; ``about`` says what was seen."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, about()
        time.sleep(POLL_SECONDS)
    return value


@dataclass
class Face:
    """The folder and the API of a strategy, whoever runs it."""

    strategy_id: int
    spec: BotSpec
    paths: BotPaths
    credentials: BotCredentials
    # Kept from others until its server listens.
    held: Port

    @classmethod
    def made(
        cls,
        folder: Path,
        exchange_url: str,
        code: str,
        class_name: str,
        *,
        strategy_id: int = 1,
        pairs: Sequence[str] = ("BTC/USDT", "ETH/USDT"),
        timeframe: str = "1m",
        trades: bool = False,
        extra: dict[str, object] | None = None,
    ) -> Face:
        """Write the folder that a bot of its own would have."""
        spec = BotSpec(
            strategy_id=strategy_id,
            name=class_name,
            class_name=class_name,
            code=code,
            exchange=SIMULATED,
            pairs=tuple(pairs),
            timeframe=timeframe,
            stake_currency="USDT",
            trades=trades,
            extra=extra or {},
        )
        credentials, held = BotCredentials.random(), Port()
        paths = bot_folder_write(folder, spec, credentials, held.number, exchange_url)
        made = cls(strategy_id, spec, paths, credentials, held)
        weakref.finalize(made, held.close)
        return made

    @property
    def port(self) -> int:
        """Where its API listens."""
        return self.held.number

    @property
    def login(self) -> tuple[str, str]:
        """What its API wants to know."""
        return self.credentials.username, self.credentials.password

    def get(self, path: str, **query: Any) -> requests.Response:
        """Ask its API."""
        return requests.get(
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            params=query,
            auth=self.login,
            timeout=20,
        )

    def ask(self, path: str, **query: Any) -> Any:
        """Return what its API answers."""
        answer = self.get(path, **query)
        answer.raise_for_status()
        return answer.json()

    def frame(self, pair: str, limit: int | None = None) -> dict[str, Any]:
        """Return its analysed candles of a pair."""
        query = {} if limit is None else {"limit": limit}
        frame: dict[str, Any] = self.ask(
            "pair_candles", pair=pair, timeframe=self.spec.timeframe, **query
        )
        return frame

    def analysed(self) -> bool:
        """Tell whether every pair has a frame."""
        try:
            return all(self.frame(pair, 1)["length"] for pair in self.spec.pairs)
        except (requests.ConnectionError, requests.HTTPError):
            return False

    def socket_url(self) -> str:
        """The address of its message WebSocket, with the token."""
        token = self.credentials.ws_token
        return f"ws://127.0.0.1:{self.port}/api/v1/message/ws?token={token}"

    def log(self) -> str:
        """What it wrote."""
        paths = (self.paths.console, self.paths.log)
        return "".join(path.read_text() for path in paths if path.exists())


class RunningBot:
    """A bot of its own. Use as a context manager."""

    def __init__(self, python: Path, face: Face) -> None:
        self._python = python
        self.face = face

    def __enter__(self) -> Self:
        paths = self.face.paths
        with paths.console.open("wb") as console:
            self.process = subprocess.Popen(
                bot_command(self._python, paths),
                cwd=paths.folder,
                env=bot_environment(paths),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_details: object) -> None:
        ended(self.process)


class RunningRunner:
    """The runner program with a connection to its control socket."""

    def __init__(self, python: Path, folder: Path, *options: str) -> None:
        self._python = python
        self.folder = folder
        self._options = options
        self._number = 0
        self._unread = b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        program = self.folder / "program"
        shutil.copytree(PROGRAM, program, ignore=shutil.ignore_patterns("__pycache__"))
        command = [str(self._python), "-I", str(program / "main.py"), *self._options]
        with (self.folder / "console.log").open("wb") as console:
            self.process = subprocess.Popen(
                [*command, "--folder", str(self.folder), "--name", "test"],
                cwd=self.folder,
                env={
                    "PATH": "/usr/bin:/bin",
                    "HOME": str(self.folder),
                    "LANG": "C.UTF-8",
                },
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self._listens, about=self.log)
        except AssertionError:
            ended(self.process)
            raise
        return self

    def __exit__(self, *_details: object) -> None:
        self.disconnect()
        ended(self.process)

    def connect(self) -> None:
        """Connect to the control socket, by a short name: the whole one may be too long."""
        self._control = socket.socket(socket.AF_UNIX)
        self._control.settimeout(30)
        with contextlib.chdir(self.folder):
            self._control.connect("control.sock")
        self._unread = b""

    def _listens(self) -> bool:
        # Its socket has a name a moment before anybody is let in.
        try:
            self.connect()
        except (FileNotFoundError, ConnectionRefusedError):
            self.disconnect()
            return False
        return True

    def disconnect(self) -> None:
        """Go away as a supervisor does that was killed."""
        self._control.close()

    def do(self, what: str, **values: Any) -> dict[str, Any]:
        """Ask something, and return the answer; events are kept meanwhile."""
        self._number += 1
        asked = {"id": self._number, "do": what, **values}
        self._control.sendall(json.dumps(asked).encode() + b"\n")
        while True:
            said = self.line()
            if "event" in said:
                self.events.append(said)
            elif said["id"] == self._number:
                return said

    def line(self) -> dict[str, Any]:
        """Return the next line of the control socket."""
        while b"\n" not in self._unread:
            part = self._control.recv(65536)
            assert part, self.log()
            self._unread += part
        line, self._unread = self._unread.split(b"\n", 1)
        said: dict[str, Any] = json.loads(line)
        return said

    def load(self, face: Face, **values: Any) -> dict[str, Any]:
        """Have a strategy loaded."""
        return self.do(
            "load",
            strategy_id=face.strategy_id,
            config=str(face.paths.config),
            userdir=str(face.paths.folder),
            log=str(face.paths.log),
            run=f"run-{face.strategy_id}",
            **values,
        )

    def told(self, strategy_id: int) -> dict[str, Any]:
        """Return what the runner's list says of a strategy."""
        listed = self.do("list")["strategies"]
        return next(one for one in listed if one["strategy_id"] == strategy_id)

    def wait_for(
        self, strategy_id: int, state: str, seconds: float = 60
    ) -> dict[str, Any]:
        """Return the entry of a strategy once it is in a state."""
        wait_until(
            lambda: self.told(strategy_id)["state"] == state,
            seconds,
            lambda: f"{self.told(strategy_id)}\n{self.log()}",
        )
        return self.told(strategy_id)

    def log(self) -> str:
        """What the program wrote."""
        paths = (self.folder / "console.log", self.folder / "logs" / "runner.log")
        return "".join(path.read_text() for path in paths if path.exists())


def ended(process: subprocess.Popen[bytes]) -> int:
    """Ask once, as freqtrade wants it, then insist; return the exit code."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
