"""Where each kind of process starts its reporter."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

from celery.signals import beat_init, worker_ready

from btc_watcher.lib.redis_keys import BACKUPS_QUEUE
from monitoring.backups.places import place_figures
from monitoring.heartbeats.beside import Beside
from monitoring.heartbeats.models import Role
from monitoring.heartbeats.progress import beat_loop, supervisor_loop
from monitoring.heartbeats.queues import QUEUES
from monitoring.heartbeats.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping

    Event = MutableMapping[str, Any]

PULSE_SECONDS: Final = 1.0


def celery_attach() -> None:
    """Have workers and the schedule report; anything else of Celery does not."""
    worker_ready.connect(_worker_ready, weak=False)
    beat_init.connect(_beat_init, weak=False)


def _worker_ready(sender: Any, **_more: Any) -> None:
    places = Beside(place_figures, "The folder of backups")

    def tells() -> dict[str, Any]:
        # What it reads counts, not what the settings want; and that may change.
        queues = sorted(sender.app.amqp.queues.consume_from)
        place = places.newest() if BACKUPS_QUEUE in queues else {}
        return {QUEUES: queues, **place}

    name = str(sender.hostname).partition("@")[0]
    _start(Reporter(Role.WORKER, name, tells=tells))


def _beat_init(**_more: Any) -> None:
    beat_loop.mark()
    _start(Reporter(Role.BEAT, "beat", beat_loop))


def _start(reporter: Reporter) -> None:
    reporter.start()
    atexit.register(reporter.stop)


@contextlib.asynccontextmanager
async def supervisor_companion() -> AsyncIterator[None]:
    """Report for the supervisor, as long as its event loop comes round."""

    async def pulse() -> None:
        while True:
            supervisor_loop.mark()
            await asyncio.sleep(PULSE_SECONDS)

    task = asyncio.create_task(pulse(), name="pulse")
    reporter = Reporter(Role.SUPERVISOR, "supervisor", supervisor_loop)
    reporter.start()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.to_thread(reporter.stop)


class Lifespan:
    """The ASGI application for the life of a web process: it reports for it."""

    async def __call__(
        self,
        _scope: Event,
        receive: Callable[[], Awaitable[Event]],
        send: Callable[[Event], Awaitable[None]],
    ) -> None:
        """Answer the server's start and end."""
        reporter = Reporter(Role.WEB, f"web-{os.getpid()}")
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                reporter.start()
                await send({"type": "lifespan.startup.complete"})
            elif event["type"] == "lifespan.shutdown":
                await asyncio.to_thread(reporter.stop)
                await send({"type": "lifespan.shutdown.complete"})
                return
