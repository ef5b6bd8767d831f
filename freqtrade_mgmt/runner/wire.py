"""Messages between the processes of a runner: a JSON head and bytes, over a socket."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

_SIZES: Final = struct.Struct(">II")
# Nothing of ours is longer; a longer one is garbage.
_LONGEST: Final = 512 * 1024 * 1024


class BrokenWireError(Exception):
    """The other side sent what is no message."""


def packed(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Return a message as it is sent."""
    text = orjson.dumps(head)
    return b"".join((_SIZES.pack(len(text), len(body)), text, body))


class Wire:
    """The blocking end of a connection, for processes that do one thing at a time.

    What is said is kept until ``flush``, so that a task sends all of it at once.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb", buffering=1 << 16)
        self._said: list[bytes] = []

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Return the next message; raises EOFError when the other side has gone."""
        head_size, body_size = _sizes(self._exactly(_SIZES.size))
        return orjson.loads(self._exactly(head_size)), self._exactly(body_size)

    def say(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Keep a message for the next flush."""
        self._said.append(packed(head, body))

    def flush(self) -> None:
        """Send what was said; raises OSError when the other side has gone."""
        said, self._said = self._said, []
        if said:
            self._connection.sendall(b"".join(said))

    def send(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Say and flush."""
        self.say(head, body)
        self.flush()

    def close(self) -> None:
        """Close this end."""
        self._file.close()
        self._connection.close()

    def _exactly(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        if len(data) != size:
            raise EOFError
        return data


def unix_socket(name: str) -> socket.socket:
    """Return a bound socket in the folder that this process runs in, for its user alone.

    A relative name, because a whole path may be too long for a socket.
    """
    place = Path(name)
    place.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(name)
    place.chmod(0o600)
    return bound


async def receive(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """Return the next message of a stream.

    Raises asyncio.IncompleteReadError at its end, BrokenWireError for garbage.
    """
    head_size, body_size = _sizes(await reader.readexactly(_SIZES.size))
    head = orjson.loads(await reader.readexactly(head_size))
    body = await reader.readexactly(body_size) if body_size else b""
    return head, body


def _sizes(text: bytes) -> tuple[int, int]:
    head, body = _SIZES.unpack(text)
    if max(head, body) > _LONGEST:
        raise BrokenWireError(f"A message of {max(head, body)} bytes is none of ours.")
    return head, body
