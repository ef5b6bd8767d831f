"""What both embedded servers have in common: start, readiness, state and the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import subprocess
import time
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psutil

from btc_watcher.lib.process_list import processes_now
from btc_watcher.local import ports
from btc_watcher.local.children import DirectChild
from btc_watcher.local.state import LocalError, ProcessIdentity, read_json, write_json

if TYPE_CHECKING:
    import signal

    # Signals to stop a server, each with the seconds it is given before the next.
    StopSteps = tuple[tuple[signal.Signals, float], ...]

PORT_ATTEMPTS = 3
# What both servers write of it: the C library's word for EADDRINUSE.
PORT_TAKEN = "Address already in use"
POLL_SECONDS = 0.01
# Replay of the log after a crash may take long on a slow disk.
START_SECONDS = 180.0
ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


class ServerError(LocalError):
    """An embedded server did not start, or ended by itself; the text says why."""


def package_folder(package: str) -> Path:
    """Return the folder of an installed package without importing (running) it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerError(
            f"The package {package} is not installed. Run scripts/bootstrap.sh, which "
            "installs requirements.txt."
        )
    return Path(spec.origin).parent


class EmbeddedServer(DirectChild, ABC):
    """One server program on 127.0.0.1 with its data, password and port in ``data_dir``."""

    title: ClassVar[str]  # in sentences
    key: ClassVar[str]  # in lists of processes
    default_port: ClassVar[int]
    death_signal: ClassVar[str]
    stop_steps: StopSteps

    def __init__(
        self,
        data_dir: Path,
        log_path: Path,
        port: int | None = None,
        *,
        throwaway: bool = False,
    ) -> None:
        """Describe a server; nothing is touched before ``start()``.

        ``port`` is preferred, then the one used last, then the default; a free one is
        taken when they are in use. ``throwaway`` gives up durability for speed (tests).
        """
        super().__init__(self.title, log_path)
        self.data_dir = data_dir.resolve()
        self.throwaway = throwaway
        self.port = 0
        self.password = ""
        # What a person should be told about the start.
        self.notes: list[str] = []
        self._wanted_port = port
        self._lock_descriptor: int | None = None
        self._attempts = 0

    # -- what the two servers differ in ---------------------------------------

    @abstractmethod
    def program(self) -> Path:
        """Return the program file that the server runs."""

    @abstractmethod
    def prepare(self) -> None:
        """Make or mend what is needed on disk before the program starts."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program and its arguments (no secret among them)."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether the very process that we started is ready for clients."""

    @abstractmethod
    def finish(self) -> None:
        """Do what is needed once, after the first readiness (databases, roles)."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients, with the password."""

    def open_path(self) -> None:
        """Let the user that the server runs as reach its files."""

    # -- life -----------------------------------------------------------------

    def start(self, deadline_seconds: float = START_SECONDS) -> None:
        """Start and wait until clients are served; ServerError says why not."""
        self.launch()
        self.wait_ready(deadline_seconds)

    def launch(self) -> None:
        """Start the program without waiting for it, ending a left-over of ours first."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        self.open_path()
        self.end_leftovers()
        state = self._state()
        self.password = str(state.get("password") or secrets.token_hex(24))
        last = state.get("port")
        preferred = (self._wanted_port, last if isinstance(last, int) else None)
        self.port = ports.choose(*preferred, self.default_port)
        self._attempts = 0
        self._begin()

    def relaunch(self) -> None:
        """Start it again after its end, on the same port, which clients know."""
        self.end_leftovers()
        if not ports.is_free(self.port):
            raise ServerError(
                f"port {self.port}, where clients expect {self.name}, was taken by "
                "another process"
            )
        self._attempts = PORT_ATTEMPTS
        self._begin()

    def ready(self) -> bool:
        """Tell whether clients are served; ServerError when the program has ended.

        A port that another process took between our look and the server's bind makes
        it end at once: then another port is tried.
        """
        if self.alive:
            return self.answers()
        if self._attempts < PORT_ATTEMPTS and self._port_was_taken():
            self.port = ports.any_free()
            self._begin()
            return False
        raise ServerError(f"{self.name} ended while starting. {self.log_tail()}")

    def _port_was_taken(self) -> bool:
        # Whoever took it may have let it go since; the server's log still knows.
        return not ports.is_free(self.port) or PORT_TAKEN in self.log_tail()

    def wait_ready(self, deadline_seconds: float = START_SECONDS) -> None:
        """Wait for ``ready()``, then finish the set-up; a server that fails is stopped."""
        deadline = time.monotonic() + deadline_seconds
        try:
            while not self.ready():
                if time.monotonic() > deadline:
                    raise ServerError(  # noqa: TRY301 - both failures stop the server
                        f"{self.name} did not serve clients within "
                        f"{deadline_seconds:g} s. {self.log_tail()}"
                    )
                time.sleep(POLL_SECONDS)
            self.finish()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server gently, then by force; harmless when it is not running."""
        if self._process is not None:
            for number, patience in self.stop_steps:
                if self._process.poll() is not None:
                    break
                self._process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience)
            self._process = None
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def end_leftovers(self) -> None:
        """End servers of a killed run that still use this folder.

        The recorded pid counts only with its creation time; any other process only when
        it runs our program inside this very folder (orphans of a killed postmaster).
        """
        left = {p.pid: p for p in processes_inside(self.data_dir, self.program())}
        state = self._state()
        pid, created = state.get("pid"), state.get("created")
        if isinstance(pid, int) and isinstance(created, float):
            process = ProcessIdentity(pid, created).process()
            if process is not None:
                left[pid] = process
        for process in left.values():
            end_process(process, self.stop_steps)

    # -- inside ---------------------------------------------------------------

    @property
    def _state_path(self) -> Path:
        return self.data_dir / "server.json"

    def _state(self) -> dict[str, object]:
        return read_json(self._state_path)

    def _state_add(self, known: dict[str, object]) -> None:
        write_json(self._state_path, self._state() | known)

    def _begin(self) -> None:
        self._attempts += 1
        known = {"password": self.password, "port": self.port}
        # Before initdb: a cluster whose password was not kept could never be opened.
        self._state_add(known)
        self.prepare()
        self.spawn(
            self.command(),
            death_signal=self.death_signal,
            folder=self.data_dir,
            environment=ENVIRONMENT,
        )
        if (pid := self.pid) is not None:
            with contextlib.suppress(psutil.Error):
                created = ProcessIdentity.of(pid).created
                self._state_add({"pid": pid, "created": created})

    def _take_lock(self) -> None:
        if self._lock_descriptor is not None:
            return
        path = self.data_dir / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ServerError(
                f"{self.name} in {self.data_dir} belongs to another running process "
                f"(server pid {self._state().get('pid', 'unknown')}). Stop that one "
                "first, or set BTCW_HOME to another folder."
            ) from error
        self._lock_descriptor = descriptor


def processes_inside(folder: Path, program: Path) -> list[psutil.Process]:
    """Return the processes that run ``program`` with a working folder in ``folder``."""
    found = []
    # The kernel names the file itself, whatever links lead there, such as .venv.
    wanted = str(program.resolve())
    for process in processes_now():
        with contextlib.suppress(psutil.Error, OSError):
            # A program replaced by an upgrade is shown with this suffix.
            executable = process.exe().removesuffix(" (deleted)")
            if executable == wanted and Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return found


def end_process(process: psutil.Process, steps: StopSteps) -> None:
    """Send the signals of ``steps`` one after another until ``process`` is gone."""
    for number, patience in steps:
        try:
            process.send_signal(number)
            process.wait(patience)
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            return
        else:
            return
