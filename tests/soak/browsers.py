"""Browsers that follow the live stream as pages do, in a thread of their own.

Each listens first and reads the list second, goes on from its last cursor after a
break, and reads the list again when it is told that events were lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from yarl import URL

from tests.soak.frames import Received

CONNECT_SECONDS = 10.0
# The system says something every 15 seconds; who hears nothing is alone.
SILENCE_SECONDS = 45.0
AGAIN_SECONDS = 1.0
PAGE_SIZE = 1000
# All that the bots' first frames hold, and then what an outage can have kept back.
FIRST_LOOK, LATER_LOOK = timedelta(days=2), timedelta(minutes=40)
ENDED_SECONDS = 15.0
# The window that browsers offer, and the one that the server compresses for.
WINDOW_BITS = 12


class Browsers:
    """Some browsers; ``received`` is what each got."""

    def __init__(self, address: str, token: str, count: int) -> None:
        # Every other one has its frames compressed, as those of people have.
        self.received = [
            Received(f"browser {n}", deflates=n % 2 == 1) for n in range(1, count + 1)
        ]
        self.problems: list[str] = []
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._serve, name="browsers", daemon=True
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Connect all of them."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(ENDED_SECONDS)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._all())
        self._loop.close()

    async def _all(self) -> None:
        self._tasks = [
            asyncio.create_task(self._browse(each), name=each.name)
            for each in self.received
        ]
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _browse(self, received: Received) -> None:
        async with aiohttp.ClientSession(headers=self._headers) as session:
            while True:
                try:
                    await self._follow(session, received)
                except (aiohttp.ClientError, TimeoutError, OSError):
                    pass
                except Exception as error:  # noqa: BLE001 - told in the report
                    self.problems.append(f"{received.name}: {error!r}")
                await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self, session: aiohttp.ClientSession, received: Received) -> None:
        after = f"?after={received.after}" if received.after else ""
        url = f"{self._address}/ws/signals/{after}"
        async with asyncio.timeout(CONNECT_SECONDS):
            socket = await session.ws_connect(
                url, max_msg_size=0, compress=WINDOW_BITS if received.deflates else 0
            )
        async with socket:
            received.connections += 1
            received.uncompressed += received.deflates and not socket.compress
            if not received.after:
                await self._look(session, received)
            while True:
                message = await socket.receive(SILENCE_SECONDS)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                if received.take(message.json()):
                    await self._look(session, received)

    async def _look(self, session: aiohttp.ClientSession, received: Received) -> None:
        """Read the list until it was read whole; what arrives meanwhile waits."""
        back = LATER_LOOK if received.reloads else FIRST_LOOK
        since = _now() - back
        while True:
            try:
                received.listed(await self._list(session, since))
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    async def _list(self, session: aiohttp.ClientSession, since: datetime) -> set[str]:
        found: set[str] = set()
        until = _now() + timedelta(minutes=2)
        url: str | None = f"{self._address}/api/v1/signals/"
        parameters: dict[str, str] | None = {
            "from": since.isoformat(),
            "to": until.isoformat(),
            "fields": "id",
            "page_size": str(PAGE_SIZE),
        }
        while url:
            answer = await self._get(session, url, parameters)
            found.update(str(row["id"]) for row in answer["results"])
            url, parameters = answer["next"], None
        return found

    async def _get(
        self,
        session: aiohttp.ClientSession,
        url: str,
        parameters: dict[str, str] | None,
    ) -> dict[str, Any]:
        asked = URL(url, encoded=True) if parameters is None else URL(url)
        async with (
            asyncio.timeout(CONNECT_SECONDS * 3),
            session.get(asked, params=parameters) as answer,
        ):
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found


def _now() -> datetime:
    # Django's clock would need its settings, which are those of the system.
    return datetime.fromtimestamp(time.time(), UTC)
