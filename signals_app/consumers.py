"""The live page's WebSocket: replay from a cursor, then whatever arrives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any, Final
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.websocket import login_lives
from signals_app.feed import hub_of_this_loop
from signals_app.feed.hub import (
    RELOAD_TEXT,
    START,
    Frame,
    Hub,
    Subscription,
    position,
)

logger = logging.getLogger(__name__)

# Application's own codes: log in again, and the address was wrong.
NOT_LOGGED_IN: Final = 4401
BAD_CURSOR: Final = 4400
# A page that hears nothing for longer knows that the connection is dead.
HEARTBEAT_SECONDS: Final = 15.0
BROKEN: Final = 1011
SILENCE: Final = Frame(START, "")
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
        self._pump = asyncio.create_task(
            self._pump_until_it_breaks(after), name="live page"
        )

    async def disconnect(self, code: int) -> None:
        """Stop sending."""
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump

    async def receive(self, *_args: Any, **_kwargs: Any) -> None:
        """Ignore what the page sends: this connection only talks."""

    async def _pump_until_it_breaks(self, after: str) -> None:
        try:
            await self._send_all(after)
        except Exception:
            # The page connects again and says so meanwhile.
            logger.exception("A live page broke.")
            await self.close(code=BROKEN)

    async def _send_all(self, after: str) -> None:
        hub = hub_of_this_loop()
        checked = time.monotonic()
        async with hub.subscribe() as subscription:
            last = await self._send_missed(hub, after) if after else START
            while True:
                frame = await _next(subscription)
                if time.monotonic() - checked >= HEARTBEAT_SECONDS:
                    checked = time.monotonic()
                    if not await login_lives(self.scope):
                        await self.close(code=NOT_LOGGED_IN)
                        return
                if frame is SILENCE:
                    await self.send(HEARTBEAT)
                elif frame is None or frame.position == START:
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


async def _next(subscription: Subscription) -> Frame | None:
    """Return the next frame, None when some were dropped, SILENCE when none comes."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            return await subscription.get()
    except TimeoutError:
        return SILENCE
