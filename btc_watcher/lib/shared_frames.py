"""Texts for many WebSockets, put into frames once for all of them.

A server that can write such frames says so in ``scope["extensions"][SHARED_FRAMES]``, where
it leaves a ``Writer``; see ``btc_watcher.lib.websocket_protocol``. Without it every text
is sent as a message of its own, as ASGI has it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from websockets.extensions import Extension

SHARED_FRAMES: Final = "btc_watcher.shared_frames"
# A browser that remembers less of what it read gets the texts uncompressed.
WINDOW_BITS: Final = 12
SETTINGS: Final = {"memLevel": 5}


class SharedFrames:
    """Texts in their order, one message each. Encoded when the first one asks for it."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts: Sequence[str] = tuple(texts)

    @cached_property
    def plain(self) -> bytes:
        """The frames, one after the other."""
        return self._frames([])

    @cached_property
    def deflated(self) -> bytes:
        """The same by RFC 7692, for a window of WINDOW_BITS that may begin with anything.

        Each text refers to those before it, but to nothing before the first: so who
        has read what else does not matter, but all are to be sent, and together.
        """
        return self._frames([deflate_extension()])

    def _frames(self, extensions: Sequence[Extension]) -> bytes:
        return b"".join(
            Frame(Opcode.TEXT, text.encode()).serialize(
                mask=False, extensions=extensions
            )
            for text in self._texts
        )


class Writer(Protocol):
    """One connection."""

    def write(self, shared: SharedFrames) -> bool:
        """Send the frames if that takes no waiting, and tell whether it did.

        True also when the connection ends, and nobody will hear them.
        """

    async def drained(self) -> None:
        """Wait until ``write`` takes no waiting, or the connection ends."""


def writer_of(scope: Mapping[str, Any]) -> Writer | None:
    """Return what writes shared frames to a WebSocket, None when the server cannot."""
    found: Writer | None = scope.get("extensions", {}).get(SHARED_FRAMES)
    return found


def deflate_extension() -> PerMessageDeflate:
    """Return what compresses the next texts as if nothing came before them."""
    return PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=False,
        remote_max_window_bits=WINDOW_BITS,
        local_max_window_bits=WINDOW_BITS,
        compress_settings=SETTINGS,
    )
