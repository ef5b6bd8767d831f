"""One client of a strategy's message WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson

if TYPE_CHECKING:
    from aiohttp import web

    from freqtrade_mgmt.runner.api import Answers
    from freqtrade_mgmt.runner.hosted import Hosted

# A bot keeps everything for a slow client, without an end.
_LONGEST_QUEUE: Final = 5_000
_MOST_CANDLES: Final = 1_500
_FAREWELL_SECONDS: Final = 1.0


class Listener:
    """Reads what the client wants, and sends what it subscribed to, in order."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        hosted: Hosted,
        hub: Answers,
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._hosted = hosted
        self._hub = hub
        self._topics: frozenset[str] = frozenset()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(_LONGEST_QUEUE)
        self._sender: asyncio.Task[None] | None = None

    def offer(self, kind: str, text: bytes) -> None:
        """Queue a message that the client has subscribed to; a slow client is cut off."""
        if kind in self._topics:
            self._put(text)

    async def run(self) -> None:
        """Serve the client until it goes."""
        self._sender = asyncio.get_running_loop().create_task(self._send())
        try:
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                if not await self._take(message.data):
                    break
        finally:
            self._sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender
            await self._socket.close()

    async def end(self, said: bytes) -> None:
        """Say farewell and close."""
        with contextlib.suppress(TimeoutError, ConnectionError, RuntimeError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                if "status" in self._topics:
                    await self._socket.send_str(said.decode())
                await self._socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)

    def _put(self, text: bytes) -> None:
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self._cut_off()

    def _cut_off(self) -> None:
        """End the connection at once, so that the client knows and comes again."""
        self._topics = frozenset()
        if self._transport is not None:
            self._transport.abort()
        if self._sender is not None:
            self._sender.cancel()

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                await self._socket.send_str((await self._queue.get()).decode())
        await self._socket.close()

    async def _take(self, text: str) -> bool:
        """Do what the client asks, as a bot does; False closes the connection."""
        try:
            asked = orjson.loads(text)
        except ValueError:
            return False
        if not isinstance(asked, dict):
            return False
        kind, data = asked.get("type"), asked.get("data")
        if kind == "subscribe":
            self._subscribe(data)
        elif kind == "whitelist":
            pairs = self._hosted.facts.pairs if self._hosted.facts else []
            self._put(orjson.dumps({"type": "whitelist", "data": pairs}))
        elif kind == "analyzed_df":
            await self._frames(data if isinstance(data, dict) else None)
        else:
            wrong = f"Invalid request type: {kind}"
            self._put(orjson.dumps({"type": "exception", "data": wrong}))
        return True

    def _subscribe(self, data: Any) -> None:
        """One unknown topic silences them all, as it does with a bot."""
        if (
            isinstance(data, list)
            and data
            and self._hub.topics.issuperset(map(str, data))
        ):
            self._topics = frozenset(map(str, data))

    async def _frames(self, data: dict[str, Any] | None) -> None:
        limit = pair = None
        if data:
            wanted = data.get("limit", _MOST_CANDLES)
            limit = min(wanted, _MOST_CANDLES) if isinstance(wanted, int) else None
            pair = data.get("pair")
        try:
            found = await self._hub.frames(self._hosted, limit, pair)
        except (ConnectionError, TimeoutError):
            return
        for text in found:
            self._put(text)
