"""The live page's WebSocket: replay from a cursor, then whatever arrives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.permissions import may_listen
from accounts.websocket import login_lives, token_login
from btc_watcher.lib.shared_frames import writer_of
from signals_app.feed import hub_of_this_loop
from signals_app.feed.frames import RELOAD_TEXT, START, batches, notice, position

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from btc_watcher.lib.shared_frames import Writer
    from signals_app.feed.frames import Batch
    from signals_app.feed.hub import Hub

logger = logging.getLogger(__name__)

# Application's own codes: log in again, and the address was wrong.
NOT_LOGGED_IN: Final = 4401
BAD_CURSOR: Final = 4400
# A page that hears nothing for longer knows that the connection is dead.
HEARTBEAT_SECONDS: Final = 15.0
# Within which a program that sent no token in a header sends it as its first message.
TOKEN_SECONDS: Final = 10.0
BROKEN: Final = 1011
RELOAD: Final = notice(RELOAD_TEXT)
HEARTBEAT: Final = '{"cursor":null,"event":{"type":"heartbeat"}}'


class SignalsConsumer(AsyncWebsocketConsumer):
    """Sends ``{"cursor", "event"}`` frames to a logged-in person, or a token that reads.

    ``?after=CURSOR`` resumes: everything after it is sent first. Without it
    only new events are sent. An event of type ``reload`` means that events were
    lost and the page must load anew.
    """

    _pump: asyncio.Task[None] | None = None
    _watch: asyncio.Task[None] | None = None
    _writer: Writer | None = None

    async def connect(self) -> None:
        """Accept logged-in people and start sending."""
        await self.accept()
        if not may_listen(self.scope):
            await self._wait_for_token()
            return
        await self._start()

    async def _wait_for_token(self) -> None:
        """Hang up, but give programs, which send no Origin, time for their token."""
        headers = {name for name, _value in self.scope["headers"]}
        if self.scope["user"].is_authenticated or b"origin" in headers:
            await self.close(code=NOT_LOGGED_IN)
            return
        self._pump = asyncio.create_task(self._hang_up_later(), name="no token yet")

    async def _hang_up_later(self) -> None:
        await asyncio.sleep(TOKEN_SECONDS)
        await self.close(code=NOT_LOGGED_IN)

    async def _start(self) -> None:
        query = parse_qs(self.scope["query_string"].decode("ascii", "replace"))
        after = query.get("after", [""])[0]
        try:
            position(after or "0-0")
        except ValueError:
            await self.close(code=BAD_CURSOR)
            return
        self._pump = self._task(self._send_all(after))
        self._watch = self._task(self._look_after_it())

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(self._until_it_breaks(work), name="live page")

    async def disconnect(self, code: int) -> None:
        """Stop sending."""
        tasks = [task for task in (self._pump, self._watch) if task is not None]
        for task in tasks:
            task.cancel()
        # Whatever one of them ended with, the other is to end as well.
        await asyncio.gather(*tasks, return_exceptions=True)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        """Read ``{"token": "..."}`` from who has not said who it is; ignore the rest."""
        if may_listen(self.scope) or self._pump is None or self._pump.done():
            return
        self._pump.cancel()
        if await token_login(self.scope, _token(text_data)) and may_listen(self.scope):
            await self._start()
        else:
            await self.close(code=NOT_LOGGED_IN)

    async def _until_it_breaks(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except OSError:
            # ASGI's word for a page that has gone. One that has not connects again.
            with contextlib.suppress(OSError):
                await self.close(code=BROKEN)
        except Exception:
            # The page connects again and says so meanwhile.
            logger.exception("A live page broke.")
            with contextlib.suppress(OSError):
                await self.close(code=BROKEN)

    async def _send_all(self, after: str) -> None:
        hub, self._writer = hub_of_this_loop(), writer_of(self.scope)
        async with hub.subscribe() as subscription:
            last = await self._send_missed(hub, after) if after else START
            subscription.go_on(last, self._writer)
            while True:
                await self._send_batch(await subscription.get() or RELOAD)

    async def _look_after_it(self) -> None:
        """Say that the connection lives, and end it when the login has ended.

        Beside what is sent: with many pages the database is asked one after the other,
        and events would wait for that.
        """
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if not await login_lives(self.scope):
                await self.close(code=NOT_LOGGED_IN)
                return
            await self.send(HEARTBEAT)

    async def _send_missed(self, hub: Hub, after: str) -> tuple[int, int]:
        missed = await hub.replay(after)
        if missed is None:
            await self.send(hub.lost_text)
            return START
        for batch in batches(missed):
            await self._send_batch(batch)
        return missed[-1].position if missed else position(after)

    async def _send_batch(self, batch: Batch) -> None:
        if self._writer is None:
            for frame in batch.frames:
                await self.send(frame.text)
            return
        while not self._writer.write(batch.shared):
            await self._writer.drained()


def _token(text: str | None) -> str:
    try:
        message = json.loads(text or "")
    except ValueError:
        return ""
    token = message.get("token") if isinstance(message, dict) else None
    return token if isinstance(token, str) else ""
