"""The processes of the one-command system: who they are and in which order they end."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from btc_watcher.env import BASE_DIR
from btc_watcher.lib import redis_keys
from btc_watcher.local.children import ChildSpec
from btc_watcher.local.commands import manage

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKER_THREADS = 8
URGENT_THREADS = 2


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


def roster(ports: Ports, environment: Mapping[str, str]) -> list[ChildSpec]:
    """Return the children in the order of their start."""

    def child(
        name: str, command: tuple[str, ...], stage: Stage, grace_seconds: float
    ) -> ChildSpec:
        return ChildSpec(
            name=name,
            command=command,
            environment=environment,
            folder=BASE_DIR,
            grace_seconds=grace_seconds,
            stop_stage=stage,
        )

    urgent = redis_keys.notifications_queue(redis_keys.PRIORITIES[0])
    queues = [redis_keys.notifications_queue(p) for p in redis_keys.PRIORITIES]
    every = ",".join([*queues, redis_keys.DEFAULT_QUEUE])
    simulator = manage("run_simulator", "--port", str(ports.simulator))
    catcher = manage("run_mailcatcher", "--port", str(ports.mail))
    return [
        child("simulator", simulator, Stage.DEMONSTRATION, 5),
        child("mailcatcher", catcher, Stage.DEMONSTRATION, 5),
        child("web", _web(ports.web), Stage.WEB, 10),
        child("worker", _worker("worker", WORKER_THREADS, every), Stage.WORKERS, 20),
        # Kept free for what is urgent, while slow providers hold the other threads.
        child(
            "worker-urgent",
            _worker("urgent", URGENT_THREADS, urgent),
            Stage.WORKERS,
            20,
        ),
        child("beat", _celery("beat", "--pidfile="), Stage.BEAT, 10),
        # It ends every bot first, and each of those has 15 s.
        child("supervisor", manage("run_supervisor"), Stage.SUPERVISOR, 40),
    ]


def _web(port: int) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "uvicorn", "btc_watcher.asgi:application"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--ws", "websockets-sansio", "--lifespan", "auto", "--no-access-log"),
        # Open WebSockets never end by themselves.
        *("--timeout-graceful-shutdown", "5"),
    )


def _celery(*arguments: str) -> tuple[str, ...]:
    return (
        sys.executable,
        "-m",
        "celery",
        "-A",
        "btc_watcher",
        *arguments,
        "-l",
        "INFO",
    )


def _worker(name: str, threads: int, queues: str) -> tuple[str, ...]:
    return _celery(
        *("worker", "-n", f"{name}@%h", "--pool", "threads"),
        *("--concurrency", str(threads), "-Q", queues),
        # One machine: what workers tell each other would only be noise.
        *("--without-gossip", "--without-mingle"),
    )
