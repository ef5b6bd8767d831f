"""uvicorn's WebSocket connection, which also writes frames that many connections share.

ASGI sends one message to one connection at a time, each encoded, compressed and written on
its own. Here bytes that were made once are written as they are, several frames at a time.
Everything else is uvicorn's: the handshake, the application's messages, pings, the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import State

from btc_watcher.lib.shared_frames import SHARED_FRAMES, WINDOW_BITS

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

    from btc_watcher.lib.shared_frames import SharedFrames


class SharingProtocol(WebSocketsSansIOProtocol):
    """A connection that is a ``Writer`` of shared frames, and never waits for the dead."""

    _deflates = False

    async def run_asgi(self) -> None:
        """Tell the application what this connection can do besides."""
        self._deflates = self._share_compression()
        extensions = cast("dict[str, Any]", self.scope["extensions"])
        extensions[SHARED_FRAMES] = self
        await super().run_asgi()

    def _share_compression(self) -> bool:
        """Tell whether shared compressed frames can be read on the other end.

        The connection's own messages must not refer to what was sent before them then,
        because shared frames may come in between. That also saves a window for each.
        """
        for extension in self.conn.extensions:
            if (
                isinstance(extension, PerMessageDeflate)
                and not extension.local_no_context_takeover
            ):
                extension.local_no_context_takeover = True
                del extension.encoder
                return extension.local_max_window_bits >= WINDOW_BITS
        return False

    def write(self, shared: SharedFrames) -> bool:
        """Send the frames if that takes no waiting; see ``Writer``."""
        if not self.writable.is_set():
            return False
        if self._hears():
            self.transport.write(shared.deflated if self._deflates else shared.plain)
        return True

    def _hears(self) -> bool:
        # Who vanished without a goodbye has a state that stays open, and what is written
        # to their transport is an error.
        gone = self.disconnected or self.close_sent or self.transport.is_closing()
        return not gone and self.conn.state is State.OPEN

    async def drained(self) -> None:
        """Wait until ``write`` takes no waiting, or the connection has ended."""
        await self.writable.wait()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application; a goodbye to nobody ends at once."""
        if message["type"] == "websocket.close" and not self.writable.is_set():
            # It would wait behind what the other end does not read.
            self.transport.abort()
            return
        await super().send(message)

    def keepalive_timeout(self) -> None:
        """Hang up on who does not answer, also when there is something left to send."""
        super().keepalive_timeout()
        self.transport.abort()
