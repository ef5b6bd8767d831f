"""The processes of the one-command system: who they are and in which order they end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from btc_watcher.env import BASE_DIR
from btc_watcher.local.children import ChildSpec
from btc_watcher.local.commands import manage
from btc_watcher.local.ports import LOOPBACK
from btc_watcher.programs import (
    beat_command,
    supervisor_command,
    urgent_command,
    web_command,
    worker_command,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# The one that reads the queue of the backups.
BACKUP_WORKER = "worker"


class Stage(IntEnum):
    """The order in which processes end: first those that nobody below waits for."""

    WEB = 1
    BEAT = 2
    WORKERS = 3
    SUPERVISOR = 4
    DEMONSTRATION = 5


@dataclass(frozen=True)
class Ports:
    """The ports of 127.0.0.1 that the processes listen on."""

    web: int
    simulator: int
    mail: int


def roster(
    ports: Ports,
    environment: Mapping[str, str],
    for_backups: Mapping[str, str] | None = None,
) -> list[ChildSpec]:
    """Return the children in the order of their start.

    ``for_backups`` is what only the worker knows that takes the tasks of backups.
    """

    def child(
        name: str, command: tuple[str, ...], stage: Stage, grace_seconds: float
    ) -> ChildSpec:
        private = (for_backups or {}) if name == BACKUP_WORKER else {}
        return ChildSpec(
            name=name,
            command=command,
            environment={**environment, **private},
            folder=BASE_DIR,
            grace_seconds=grace_seconds,
            stop_stage=stage,
        )

    simulator = manage("run_simulator", "--port", str(ports.simulator))
    catcher = manage("run_mailcatcher", "--port", str(ports.mail))
    return [
        child("simulator", simulator, Stage.DEMONSTRATION, 5),
        child("mailcatcher", catcher, Stage.DEMONSTRATION, 5),
        child("web", web_command(LOOPBACK, ports.web), Stage.WEB, 10),
        child("worker", worker_command(), Stage.WORKERS, 20),
        # Kept free for what is urgent, while slow providers hold the other threads.
        child("worker-urgent", urgent_command(), Stage.WORKERS, 20),
        child("beat", beat_command(), Stage.BEAT, 10),
        # It ends every bot first, and each of those has 15 s.
        child("supervisor", supervisor_command(), Stage.SUPERVISOR, 40),
    ]
