"""A program in the place of freqtrade: the API of a bot, with candles of its own making.

Every 1m candle has an entry mark, so that what was collected can be counted. It starts in
a moment, and imports nothing of ours: ``python fake_freqtrade.py … --config FILE …``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

COLUMNS = ["date", "close", "signal_strength", "enter_long", "enter_tag"]
LENGTH = 60_000
KEPT = 30


def frame(limit: int) -> list[list[Any]]:
    """Return the newest closed candles."""
    newest = int(time.time() * 1000) // LENGTH * LENGTH - LENGTH
    opens = [newest - LENGTH * back for back in range(min(limit, KEPT))][::-1]
    return [[each, 100.0, 90.0, 1, "always"] for each in opens]


class Bot:
    """Answers as its configuration says."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.server = config["api_server"]
        login = f"{self.server['username']}:{self.server['password']}"
        self.login = f"Basic {base64.b64encode(login.encode()).decode()}"
        self.pairs = config["exchange"]["pair_whitelist"]
        self.sockets: set[web.WebSocketResponse] = set()

    async def request(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if request.headers.get("Authorization") != self.login:
            return web.json_response({"detail": "Unauthorized"}, status=401)
        name = request.match_info["name"]
        if name == "show_config":
            about = {"bot_name": self.config["bot_name"], "state": "running"}
            return web.json_response({**about, "version": "2026.9"})
        if name == "health":
            return web.json_response({"last_process_ts": int(time.time())})
        if name == "whitelist":
            return web.json_response({"whitelist": self.pairs})
        rows = frame(int(request.query["limit"]))
        data = [[_written(row[0]), *row[1:]] for row in rows]
        answer = {"columns": COLUMNS, "data": data, "length": len(data)}
        return web.json_response({**answer, "last_analyzed_ts": int(time.time())})

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """Keep a listener."""
        if request.query.get("token") != self.server["ws_token"]:
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self.sockets.discard(socket)
        return socket

    async def tell(self) -> None:
        """Tell every candle that closes."""
        told = frame(1)[0][0]
        while True:
            await asyncio.sleep(0.2)
            row = frame(1)[0]
            if row[0] == told:
                continue
            told = row[0]
            for pair in self.pairs:
                value = {"columns": COLUMNS, "index": [0], "data": [row]}
                frame_ = {"__type__": "dataframe", "__value__": json.dumps(value)}
                data = {"key": [pair, "1m", "spot"], "df": frame_, "la": _written(told)}
                text = json.dumps({"type": "analyzed_df", "data": data})
                for socket in list(self.sockets):
                    with contextlib.suppress(OSError):
                        await socket.send_str(text)


def _written(stamp: int) -> str:
    return datetime.fromtimestamp(stamp / 1000, UTC).isoformat().replace("+00:00", "Z")


async def main(bot: Bot) -> None:
    """Serve until SIGTERM, as freqtrade does."""
    app = web.Application()
    app.router.add_get("/api/v1/message/ws", bot.messages)
    app.router.add_get("/api/v1/{name}", bot.request)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    host, port = bot.server["listen_ip_address"], bot.server["listen_port"]
    await web.TCPSite(runner, host, port, reuse_address=True).start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    telling = asyncio.create_task(bot.tell())
    await stop.wait()
    telling.cancel()


if __name__ == "__main__":
    place = Path(sys.argv[sys.argv.index("--config") + 1])
    asyncio.run(main(Bot(json.loads(place.read_text()))))
