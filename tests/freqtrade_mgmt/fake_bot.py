"""A bot on loopback: the part of freqtrade's API that the collector uses."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import UTC, datetime
from typing import Any, Self

import orjson
from aiohttp import WSMsgType, web

from freqtrade_mgmt.bot_config import BotCredentials

COLUMNS = (
    "date",
    "close",
    "rsi",
    "signal_strength",
    "enter_long",
    "exit_long",
    "enter_tag",
)
CANDLE_MS = 60_000


class FakeBot:
    """Keeps frames of 1m candles and speaks REST and WebSocket like a bot."""

    def __init__(self, pairs: tuple[str, ...] = ("BTC/USDT",)) -> None:
        self.credentials = BotCredentials.random()
        self.name = "btcw-7"
        self.frames: dict[str, list[dict[str, Any]]] = {pair: [] for pair in pairs}
        self.requests: list[str] = []
        self.failing = False
        self.port = 0
        self.subscribed = asyncio.Event()
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_get("/api/v1/message/ws", self._messages)
        app.router.add_get("/api/v1/{name}", self._request)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_details: object) -> None:
        """Hang up and stop listening."""
        await self.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()

    def add(self, minutes_ago: int, pair: str = "BTC/USDT", **columns: Any) -> int:
        """Put a closed candle into the frame without telling; return its open in ms."""
        now = int(time.time() * 1000) // CANDLE_MS * CANDLE_MS
        opened = now - (minutes_ago + 1) * CANDLE_MS
        row = dict.fromkeys(COLUMNS) | {"date": opened, "close": 100.0, "rsi": 50.0}
        self.frames[pair].append(row | columns)
        self.frames[pair].sort(key=lambda candle: candle["date"])
        return opened

    async def tell(self, opened: int, pair: str = "BTC/USDT") -> None:
        """Send the message about a candle of the frame."""
        row = next(row for row in self.frames[pair] if row["date"] == opened)
        await self.send(self.message(pair, row))

    async def send(self, text: str) -> None:
        """Send any text to everybody who is connected."""
        for socket in list(self._sockets):
            await socket.send_str(text)

    def message(self, pair: str, row: dict[str, Any]) -> str:
        """Return an analyzed_df message of one row."""
        value = {"columns": list(row), "index": [0], "data": [list(row.values())]}
        frame = {"__type__": "dataframe", "__value__": orjson.dumps(value).decode()}
        data = {"key": [pair, "1m", "spot"], "df": frame, "la": "2026-01-01T00:00:00Z"}
        return orjson.dumps({"type": "analyzed_df", "data": data}).decode()

    async def hang_up(self) -> None:
        """Break every connection, as a killed bot does."""
        self.subscribed.clear()
        for socket in list(self._sockets):
            await socket.close(code=1012)

    async def _request(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.requests.append(str(request.rel_url))
        login = f"{self.credentials.username}:{self.credentials.password}"
        wanted = f"Basic {base64.b64encode(login.encode()).decode()}"
        if request.headers.get("Authorization") != wanted:
            return web.json_response({"detail": "Unauthorized"}, status=401)
        if self.failing:
            return web.json_response({"detail": "broken"}, status=500)
        if name == "show_config":
            return web.json_response({"bot_name": self.name, "state": "running"})
        if name == "whitelist":
            return web.json_response({"whitelist": list(self.frames)})
        return web.json_response(self._candles(request.query))

    def _candles(self, query: Any) -> dict[str, Any]:
        rows = self.frames[query["pair"]][-int(query["limit"]) :]
        data = [
            [_written(row["date"]), *(row[name] for name in COLUMNS[1:])]
            for row in rows
        ]
        return {
            "columns": list(COLUMNS),
            "data": data,
            "length": len(data),
            "last_analyzed": "2026-01-01T00:00:00Z",
            "last_analyzed_ts": int(time.time()) if rows else 0,
        }

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("token") != self.credentials.ws_token:
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and "subscribe" in message.data:
                    self.subscribed.set()
        finally:
            self._sockets.discard(socket)
        return socket


def _written(stamp: int) -> str:
    return datetime.fromtimestamp(stamp / 1000, UTC).isoformat().replace("+00:00", "Z")
