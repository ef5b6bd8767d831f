"""Only our own pages open WebSockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

REFUSED = 4403


class SameOrigin:
    """Refuses a WebSocket whose Origin is not the host and port that it connects to.

    Channels compares host names alone, but another program on another port of the
    same machine is another origin. ``CSRF_TRUSTED_ORIGINS`` may name more. A client
    that sends no Origin is no browser, and has no cookie to abuse.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Any, send: Any
    ) -> None:
        """Pass on, or close before anything is accepted."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if origin_allowed(headers.get(b"origin"), headers.get(b"host", "")):
            await self.app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": REFUSED})


def origin_allowed(origin: str | None, host: str) -> bool:
    """Tell whether a page of ``origin`` may talk to ``host`` (name and port)."""
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
