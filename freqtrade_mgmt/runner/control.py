"""The control socket: lines of JSON from the supervisor, one answer each, and events."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from freqtrade_mgmt.runner.hosted import OrderError
from freqtrade_mgmt.runner.wire import unix_socket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

SOCKET: Final = "control.sock"
_LONGEST_LINE: Final = 1_000_000
# A supervisor that does not read loses its connection, and asks for the list later.
_MOST_UNREAD: Final = 4_000_000


class Control:
    """Serves any number of supervisors; one that goes away is nobody's loss."""

    def __init__(
        self, does: Mapping[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]]
    ) -> None:
        self._does = does
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen in the folder that this process runs in."""
        self._server = await asyncio.start_unix_server(
            self._serve, sock=unix_socket(SOCKET), limit=_LONGEST_LINE
        )

    def tell(self, event: Mapping[str, Any]) -> None:
        """Send an event to every connection."""
        for writer in tuple(self._open):
            self._write(writer, event)

    async def close(self) -> None:
        """Stop listening, with what was said still sent."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.5):
                    await writer.drain()
            writer.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._open.add(writer)
        try:
            # A line that is too long raises ValueError, and its end cannot be found.
            while line := await reader.readline():
                self._write(writer, await self._answer(line))
        except (OSError, ValueError):
            self._write(writer, _refusal(None, "garbage", "The line is too long."))
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = orjson.loads(line)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return _refusal(None, "garbage", "The line is no JSON object.")
        number, do = asked.get("id"), self._does.get(str(asked.get("do")))
        if do is None:
            return _refusal(
                number, "unknown", f"There is no {asked.get('do')!r} to do."
            )
        try:
            return {"id": number, "ok": True, **await do(asked)}
        except OrderError as error:
            return _refusal(number, error.code, str(error))

    def _write(self, writer: asyncio.StreamWriter, value: Mapping[str, Any]) -> None:
        if writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > _MOST_UNREAD:
            writer.transport.abort()
            return
        writer.write(orjson.dumps(value) + b"\n")


def _refusal(number: object, code: str, text: str) -> dict[str, Any]:
    return {"id": number, "ok": False, "error": code, "message": text}
