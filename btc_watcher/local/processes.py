"""The process manager of ``make up``: starts children, restarts them, ends them in order."""

from __future__ import annotations

import contextlib
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import psutil

from btc_watcher.local.children import Child, ChildSpec, rotate
from btc_watcher.local.state import LocalError, ProcessIdentity, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from btc_watcher.local.embedded import EmbeddedServer
    from btc_watcher.local.terminal import Say

__all__ = ["Child", "ChildSpec", "ProcessManager", "restart_delay", "running_processes"]

# Longer than the longest grace of a child, the supervisor's.
PREVIOUS_SECONDS = 45.0
# The kernel takes a moment to give back the memory of a killed process.
KILLED_SECONDS = 10.0

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 60.0
HEALTHY_AFTER_SECONDS = 60.0
SETTLED_AFTER_SECONDS = 8.0
ROTATE_EVERY_SECONDS = 30.0


class Managed(Protocol):
    """What the manager can keep alive: a child or an embedded server."""

    log_path: Path

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def alive(self) -> bool: ...
    def relaunch(self) -> None: ...
    def ready(self) -> bool: ...
    def ending(self) -> str: ...
    def log_tail(self) -> str: ...


@dataclass
class _Slot:
    managed: Managed
    healthy_since: float
    failures: int = 0
    restart_at: float | None = None
    starting: bool = False


def restart_delay(failures: int, jitter: float) -> float:
    """Return the seconds to wait before a restart.

    ``failures`` counts from 1, ``jitter`` is in 0..1 and spreads children that died of
    one cause over a fifth to either side.
    """
    grown = FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 20)
    return min(grown, LONGEST_DELAY_SECONDS) * (0.8 + 0.4 * jitter)


def running_processes(home: Path) -> dict[str, ProcessIdentity]:
    """Return the processes that ``make up`` on ``home`` runs now, by name.

    Read from ``run/processes.json``; entries whose process is gone are left out.
    """
    listed = read_json(home / "run" / "processes.json")
    found = {n: ProcessIdentity(e["pid"], e["created"]) for n, e in listed.items()}
    return {name: identity for name, identity in found.items() if identity.process()}


def end_previous(home: Path, say: Say = lambda _text: None) -> None:
    """Wait for children of a killed ``make up``; kill those that do not end.

    The kernel has already asked them to end; a second request could hang a bot.
    """
    running = running_processes(home)
    if running:
        say("waiting for the end of an earlier run: " + ", ".join(running))
    left = [identity.process() for identity in running.values()]
    _, stuck = psutil.wait_procs([p for p in left if p], timeout=PREVIOUS_SECONDS)
    for process in stuck:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stuck, timeout=KILLED_SECONDS)


class ProcessManager:
    """Children and embedded servers of one ``BTCW_HOME``.

    All calls come from one thread, which must live as long as the children shall.
    """

    def __init__(self, home: Path, tell: Callable[[str], None]) -> None:
        """``tell`` receives one line per event that a person should read."""
        self.log_folder = home / "log"
        self._list_path = home / "run" / "processes.json"
        self._tell = tell
        self._slots: dict[str, _Slot] = {}
        self._servers: list[EmbeddedServer] = []
        self._listed: dict[str, int] = {}
        self._rotated_at = 0.0
        self._random = random.SystemRandom()

    def start(self, spec: ChildSpec) -> Child:
        """Start a child and keep it alive until ``stop()``."""
        child = Child(spec, self.log_folder / f"{spec.name}.log")
        child.launch()
        self._slots[spec.name] = _Slot(child, time.monotonic())
        self._list()
        return child

    def unsettled(self) -> list[str]:
        """Return the names of processes that ended and have not run for a while since."""
        now = time.monotonic()
        return [
            name
            for name, slot in self._slots.items()
            if slot.failures
            and (slot.restart_at or now - slot.healthy_since < SETTLED_AFTER_SECONDS)
        ]

    def crashing(self, failures: int) -> Managed | None:
        """Return a process that ended ``failures`` times in a row or more, if any."""
        slots = self._slots.values()
        return next((s.managed for s in slots if s.failures >= failures), None)

    def start_servers(self, servers: Sequence[EmbeddedServer]) -> None:
        """Start servers at the same time and keep them alive; they are stopped last."""
        self._servers.extend(servers)
        for server in servers:
            rotate(server.log_path)
            server.launch()
            for note in server.notes:
                self._tell(note)
        for server in servers:
            server.wait_ready()
            self._slots[server.key] = _Slot(server, time.monotonic())
        self._list()

    def step(self) -> None:
        """Look at every process once: notice ends, restart what is due, rotate logs."""
        for slot in self._slots.values():
            self._look_at(slot)
        now = time.monotonic()
        if now - self._rotated_at > ROTATE_EVERY_SECONDS:
            self._rotated_at = now
            for slot in self._slots.values():
                rotate(slot.managed.log_path)
        self._list()

    def stop(self, say: Say = lambda _text: None) -> None:
        """End the children stage by stage, then the servers; safe to call again."""
        stages: dict[int, list[Child]] = defaultdict(list)
        for slot in self._slots.values():
            if isinstance(slot.managed, Child):
                stages[slot.managed.spec.stop_stage].append(slot.managed)
        for _, children in sorted(stages.items()):
            say("waiting for " + ", ".join(child.name for child in children))
            self._stop_together(children)
        for server in reversed(self._servers):
            say(f"waiting for {server.name}")
            server.stop()
        self._slots.clear()
        self._servers.clear()
        self._list_path.unlink(missing_ok=True)

    # -- inside ---------------------------------------------------------------

    def _look_at(self, slot: _Slot) -> None:
        now = time.monotonic()
        if slot.restart_at is not None:
            if now >= slot.restart_at:
                self._restart(slot)
        elif slot.starting:
            self._await_ready(slot)
        elif not slot.managed.alive:
            self._plan_restart(slot, slot.managed.ending())
        elif now - slot.healthy_since > HEALTHY_AFTER_SECONDS:
            slot.failures = 0

    def _plan_restart(self, slot: _Slot, why: str) -> None:
        slot.failures += 1
        slot.starting = False
        delay = restart_delay(slot.failures, self._random.random())
        slot.restart_at = time.monotonic() + delay
        self._tell(
            f"{slot.managed.name} {why}; starting it again in {delay:.1f} s "
            f"(log: {slot.managed.log_path})"
        )

    def _restart(self, slot: _Slot) -> None:
        slot.restart_at = None
        try:
            slot.managed.relaunch()
        except LocalError as error:
            self._plan_restart(slot, f"did not start ({error})")
            return
        slot.starting = True
        slot.healthy_since = time.monotonic()

    def _await_ready(self, slot: _Slot) -> None:
        try:
            if not slot.managed.ready() and slot.managed.alive:
                return
        except LocalError:
            self._plan_restart(slot, "ended while starting")
            return
        slot.starting = False
        if slot.managed.alive:
            self._tell(f"{slot.managed.name} runs again (pid {slot.managed.pid})")

    def _stop_together(self, children: list[Child]) -> None:
        started = time.monotonic()
        for child in children:
            child.terminate()
        for child in children:
            left = child.spec.grace_seconds - (time.monotonic() - started)
            if not child.join(left):
                self._tell(
                    f"{child.name} did not end within {child.spec.grace_seconds:g} s "
                    "and was killed"
                )

    def _list(self) -> None:
        pids = {n: s.managed.pid for n, s in self._slots.items()}
        alive = {name: pid for name, pid in pids.items() if pid is not None}
        if alive == self._listed and self._list_path.exists():
            return
        entries = {}
        for name, pid in alive.items():
            with contextlib.suppress(psutil.Error):
                identity = ProcessIdentity.of(pid)
                entries[name] = {"pid": identity.pid, "created": identity.created}
        self._list_path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._list_path, entries)
        self._listed = alive
