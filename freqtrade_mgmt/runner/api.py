"""The API of one hosted strategy on its own port, as its own bot would answer.

What changes rarely was made by freqtrade's code when the strategy was loaded; frames and
logs are asked of the worker. Anything that would need trades is not there.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
import orjson
from aiohttp import web

from freqtrade_mgmt.runner.sockets import Listener

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.hosted import Hosted

PREFIX: Final = "/api/v1/"
# Asked of the worker, in the words of freqtrade's own code.
ASKED: Final = frozenset({"logs", "pair_candles", "plot_config"})
_LARGEST_BODY: Final = 100_000
_JSON: Final = "application/json"
_BACKLOG: Final = 64


class Answers(Protocol):
    """What an API needs of the hub."""

    @property
    def topics(self) -> frozenset[str]:
        """The kinds of messages that this freqtrade knows."""

    async def ask(
        self, hosted: Hosted, path: str, query: str, body: bytes | None
    ) -> tuple[int, bytes]:
        """Return status and body of an answer of the worker."""

    async def frames(
        self, hosted: Hosted, limit: int | None, pair: str | None
    ) -> list[bytes]:
        """Return the messages with the analysed candles of one pair, or of all."""


class StrategyApi:
    """Serves one strategy until it is closed."""

    def __init__(self, hosted: Hosted, hub: Answers) -> None:
        self._hosted = hosted
        self._hub = hub
        self._web = web.Server(self._handle, access_log=None)
        self._server: asyncio.Server | None = None
        self._listeners: set[Listener] = set()

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        server = self._hosted.order.server
        self._server = await asyncio.get_running_loop().create_server(
            self._web, server.host, server.port, backlog=_BACKLOG
        )

    def broadcast(self, kind: str, text: bytes) -> None:
        """Send a message to everybody who subscribed to its kind."""
        for listener in tuple(self._listeners):
            listener.offer(kind, text)

    async def close(self) -> None:
        """Say that the strategy has ended, as a bot does, and stop listening."""
        said = orjson.dumps({"type": "status", "status": "process died"})
        if self._server is not None:
            self._server.close()
        for listener in tuple(self._listeners):
            await listener.end(said)
        await self._web.shutdown(0.5)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        name = request.path.removeprefix(PREFIX)
        if name == "ping":
            return _json({"status": "pong"})
        if name == "message/ws":
            return await self._socket(request)
        if not self._known(request):
            headers = {"WWW-Authenticate": "Basic"}
            return _json({"detail": "Unauthorized"}, 401, headers)
        if self._hosted.facts is None:
            return _json({"detail": "Bot is not in the correct state."}, 503)
        return await self._answer(request, name, self._hosted.facts.answers)

    async def _answer(
        self, request: web.BaseRequest, name: str, fixed: dict[str, bytes]
    ) -> web.StreamResponse:
        if name == "health":
            return _json(self._health(fixed["health"]))
        if name in ASKED:
            return await self._asked(request, name)
        if request.method in {"GET", "HEAD"} and name in fixed:
            return web.Response(body=fixed[name], content_type=_JSON)
        return _json({"detail": "Not Found"}, 404)

    async def _asked(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        body = None
        if request.method == "POST":
            body = await request.content.read(_LARGEST_BODY)
        try:
            status, text = await self._hub.ask(
                self._hosted, name, request.query_string, body
            )
        except (ConnectionError, TimeoutError):
            return _json({"error": f"Error querying {request.path}: it is busy."}, 502)
        return web.Response(status=status, body=text, content_type=_JSON)

    def _known(self, request: web.BaseRequest) -> bool:
        server = self._hosted.order.server
        try:
            login = aiohttp.BasicAuth.decode(request.headers.get("Authorization", ""))
        except ValueError:
            return False
        return secrets.compare_digest(
            login.login.encode(), server.username.encode()
        ) and secrets.compare_digest(login.password.encode(), server.password.encode())

    def _health(self, template: bytes) -> dict[str, Any]:
        """Return when the strategy was last looked at, in a bot's shape."""
        said: dict[str, Any] = orjson.loads(template)
        began, last = self._hosted.since_ms, self._hosted.processed_ms
        for name, stamp in (
            ("last_process", last),
            ("bot_start", began),
            ("bot_startup", began),
        ):
            if stamp:
                moment = datetime.fromtimestamp(stamp / 1000, tz=UTC)
                said[name] = moment.isoformat().replace("+00:00", "Z")
                said[f"{name}_ts"] = stamp // 1000
        return said

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        token = request.query.get("token", "")
        wanted = self._hosted.order.server.token
        if not secrets.compare_digest(token.encode(), wanted.encode()):
            return _json({"detail": "Forbidden"}, 403)
        socket = web.WebSocketResponse(compress=False, max_msg_size=1_000_000)
        await socket.prepare(request)
        listener = Listener(socket, request.transport, self._hosted, self._hub)
        self._listeners.add(listener)
        try:
            await listener.run()
        finally:
            self._listeners.discard(listener)
        return socket


def _json(
    value: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=orjson.dumps(value), status=status, headers=headers, content_type=_JSON
    )
