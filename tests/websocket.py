"""A page's end of a WebSocket, straight on the ASGI application.

Channels' own communicator cannot be imported without daphne.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asgiref.testing import ApplicationCommunicator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TIMEOUT = 5.0


class Page:
    """One connection; ``scope`` takes user and session before ``connect``."""

    def __init__(self, application: Any, address: str, **scope: Any) -> None:
        parts = urlsplit(address)
        self._communicator = ApplicationCommunicator(
            application,
            {
                "type": "websocket",
                "path": parts.path,
                "query_string": parts.query.encode(),
                # Browsers always say where a page is from; programs do not.
                "headers": [(b"origin", b"http://127.0.0.1")],
                "subprotocols": [],
                **scope,
            },
        )

    async def connect(self) -> None:
        """Connect, and expect to be accepted."""
        await self._communicator.send_input({"type": "websocket.connect"})
        answer = await self._communicator.receive_output(TIMEOUT)
        assert answer["type"] == "websocket.accept", answer

    async def say(self, text: str) -> None:
        """Send a text, as programs do and pages do not."""
        message = {"type": "websocket.receive", "text": text}
        await self._communicator.send_input(message)

    async def text(self) -> str:
        """Return the next text."""
        output = await self._communicator.receive_output(TIMEOUT)
        assert output["type"] == "websocket.send", output
        return str(output["text"])

    async def output(self) -> dict[str, Any]:
        """Return the next message of the application, whatever it is."""
        found: dict[str, Any] = await self._communicator.receive_output(TIMEOUT)
        return found

    async def close_code(self) -> int:
        """Expect to be hung up on, and return the code."""
        output = await self._communicator.receive_output(TIMEOUT)
        assert output["type"] == "websocket.close", output
        return int(output["code"])

    async def hears_nothing(self) -> bool:
        """Tell whether nothing more comes for a moment."""
        return bool(await self._communicator.receive_nothing())

    async def disconnect(self) -> None:
        """Hang up and wait for the application to end."""
        await self._communicator.send_input(
            {"type": "websocket.disconnect", "code": 1000}
        )
        await self._communicator.wait(TIMEOUT)


@contextlib.asynccontextmanager
async def opening(application: Any) -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Open pages by address and person; all are closed in the end."""
    opened: list[Page] = []

    async def open_one(address: str, user: Any) -> Page:
        page = Page(application, address, user=user, session={})
        await page.connect()
        opened.append(page)
        return page

    yield open_one
    for page in opened:
        await page.disconnect()
