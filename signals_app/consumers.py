"""The live page's WebSocket: replay from a cursor, then whatever arrives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Final
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.websocket import login_lives
from signals_app.feed import hub_of_this_loop
from signals_app.feed.hub import RELOAD_TEXT, START, Hub, position

logger = logging.getLogger(__name__)

# Application's own codes: log in again, and the address was wrong.
NOT_LOGGED_IN: Final = 4401
BAD_CURSOR: Final = 4400
# A page that hears nothing for longer knows that the connection is dead.
HEARTBEAT_SECONDS: Final = 15.0
HEARTBEAT: Final = '{"cursor":null,"event":{"type":"heartbeat"}}'


class SignalsConsumer(AsyncWebsocketConsumer):
    """Sends ``{"cursor", "event"}`` frames to a logged-in person.

    ``?after=CURSOR`` resumes: everything after it is sent first. Without it
    only new events are sent. An event of type ``reload`` means that events were
    lost and the page must load anew.
    """

    _pump: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Accept logged-in people and start sending."""
        await self.accept()
        if not self.scope["user"].is_authenticated:
            await self.close(code=NOT_LOGGED_IN)
            return
        query = parse_qs(self.scope["query_string"].decode("ascii", "replace"))
        after = query.get("after", [""])[0]
        try:
            position(after or "0-0")
        except ValueError:
            await self.close(code=BAD_CURSOR)
            return
        self._pump = asyncio.create_task(self._send_all(after), name="live page")

    async def disconnect(self, code: int) -> None:
        """Stop sending."""
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump

    async def receive(self, *_args: Any, **_kwargs: Any) -> None:
        """Ignore what the page sends: this connection only talks."""

    async def _send_all(self, after: str) -> None:
        hub = hub_of_this_loop()
        async with hub.subscribe() as subscription:
            last = await self._send_missed(hub, after) if after else START
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        frame = await subscription.get()
                except TimeoutError:
                    if not await login_lives(self.scope):
                        await self.close(code=NOT_LOGGED_IN)
                        return
                    await self.send(HEARTBEAT)
                    continue
                if frame is None or frame.position == START:
                    last = START
                    await self.send(RELOAD_TEXT)
                elif frame.position > last:
                    await self.send(frame.text)

    async def _send_missed(self, hub: Hub, after: str) -> tuple[int, int]:
        missed = await hub.replay(after)
        if missed is None:
            await self.send(RELOAD_TEXT)
            return START
        for frame in missed:
            await self.send(frame.text)
        return missed[-1].position if missed else position(after)
