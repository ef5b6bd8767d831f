"""Freqtrade's own REST API without a server: a request in, the bytes of the answer out."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Final

from fastapi import FastAPI
from freqtrade.rpc.api_server import deps
from freqtrade.rpc.api_server.api_auth import http_basic_or_jwt_token
from freqtrade.rpc.api_server.webserver import ApiServer, FTJSONResponse

PREFIX: Final = "/api/v1/"
# What the hub answers by itself, made once when a strategy is loaded.
FIXED: Final = ("version", "show_config", "whitelist", "count", "status", "health")


class Rest:
    """The application of freqtrade's API server, asked on behalf of one strategy."""

    def __init__(self) -> None:
        self._app = FastAPI(default_response_class=FTJSONResponse)
        server = SimpleNamespace(
            handle_rpc_exception=_handle(self),
            # Of older releases; nothing is started here.
            _api_startup_event=_nothing,
            _api_shutdown_event=_nothing,
        )
        ApiServer.configure_app(server, self._app, {"api_server": {}})
        self._app.dependency_overrides = {
            deps.get_rpc: lambda: self._asked.rpc,
            deps.get_rpc_optional: lambda: self._asked.rpc,
            deps.get_config: lambda: self._asked.config,
            # The hub has looked at the password.
            http_basic_or_jwt_token: lambda: "",
        }
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: Any = None

    def ask(
        self, stand: Any, path: str, query: str = "", body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Return status and body of what a bot would answer for ``stand``.

        With a ``body``, JSON, the request is a POST.
        """
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self._asked = stand
        try:
            return self._loop.run_until_complete(self._call(path, query, body))
        finally:
            self._asked = None

    async def _call(
        self, path: str, query: str, body: bytes | None
    ) -> tuple[int, bytes]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._app(_scope(path, query, post=body is not None), receive, send)
        status = next((m["status"] for m in sent if "status" in m), 500)
        return int(status), b"".join(m.get("body", b"") for m in sent)


def _scope(path: str, query: str, *, post: bool) -> dict[str, Any]:
    whole = f"{PREFIX}{path}"
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST" if post else "GET",
        "scheme": "http",
        "path": whole,
        "raw_path": whole.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }


def _handle(rest: Rest) -> Any:
    def handle(request: Any, error: Any) -> Any:
        return ApiServer.handle_rpc_exception(rest, request, error)

    return handle


async def _nothing() -> None:
    """Begin and end as a server does that is none."""
