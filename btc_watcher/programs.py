"""The command lines of the system's programs, the same however they are started."""

from __future__ import annotations

import sys
from typing import Final

from btc_watcher.env import BASE_DIR, env
from btc_watcher.lib import redis_keys

WEBSOCKET_PROTOCOL: Final = "btc_watcher.lib.websocket_protocol:SharingProtocol"
WORKER_THREADS: Final = 8
URGENT_THREADS: Final = 2
# What beats are known by: worker_command's names, see monitoring.heartbeats.attach.
WORKER: Final = "worker"
URGENT: Final = "urgent"


def manage(*arguments: str) -> tuple[str, ...]:
    """Return the command line of a manage.py command."""
    return (sys.executable, str(BASE_DIR / "manage.py"), *arguments)


def web_command(host: str, port: int) -> tuple[str, ...]:
    """Return the command of the pages, the API and the WebSockets."""
    return (
        *(sys.executable, "-m", "uvicorn", "btc_watcher.asgi:application"),
        *("--host", host, "--port", str(port)),
        *("--ws", WEBSOCKET_PROTOCOL, "--lifespan", "auto", "--no-access-log"),
        # Open WebSockets never end by themselves.
        *("--timeout-graceful-shutdown", "5"),
    )


def worker_command(name: str = WORKER) -> tuple[str, ...]:
    """Return the command of a worker for every queue, that of the backups among them
    unless another machine makes them."""
    queues = [redis_keys.notifications_queue(p) for p in redis_keys.PRIORITIES]
    queues.append(redis_keys.DEFAULT_QUEUE)
    if env.bool("BTCW_BACKUP_HERE", default=True):
        queues.append(redis_keys.BACKUPS_QUEUE)
    return _worker(name, WORKER_THREADS, ",".join(queues))


def urgent_command(name: str = URGENT) -> tuple[str, ...]:
    """Return the command of a worker for what is urgent alone.

    Its threads stay free for that, while slow providers hold those of the other one.
    """
    urgent = redis_keys.notifications_queue(redis_keys.PRIORITIES[0])
    return _worker(name, URGENT_THREADS, urgent)


def beat_command() -> tuple[str, ...]:
    """Return the command of the schedule."""
    return _celery("beat", "--pidfile=")


def supervisor_command() -> tuple[str, ...]:
    """Return the command of the bots' supervisor."""
    return manage("run_supervisor")


def _celery(*arguments: str) -> tuple[str, ...]:
    start = (sys.executable, "-m", "celery", "-A", "btc_watcher")
    return (*start, *arguments, "-l", "INFO")


def _worker(name: str, threads: int, queues: str) -> tuple[str, ...]:
    return _celery(
        *("worker", "-n", f"{name}@%h", "--pool", "threads"),
        *("--concurrency", str(threads), "-Q", queues),
        # What workers tell each other would only be noise.
        *("--without-gossip", "--without-mingle"),
    )
