"""A provider on loopback that takes every message at once: as light as can be.

It answers like the Bot API and is a process of its own, so that the workers' share of
the processor is theirs. ``GET /`` tells what came, with times of the monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field

SENT = b'{"ok":true,"result":{"message_id":1}}'
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
MARK = re.compile(rb"urgent-\d+")


@dataclass
class Received:
    """When messages came; the marked ones by their mark."""

    times: list[float] = field(default_factory=list)
    marked: dict[str, float] = field(default_factory=dict)


class Provider(asyncio.Protocol):
    """One connection, with one request after the other."""

    def __init__(self, received: Received) -> None:
        self._received = received
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            length = LENGTH.search(head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            body, self._buffer = rest[:size], rest[size:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        answer = SENT
        if head.startswith(b"GET"):
            received = self._received
            told = {"times": received.times, "marked": received.marked}
            answer = json.dumps(told).encode()
        else:
            now = time.monotonic()
            self._received.times.append(now)
            if mark := MARK.search(body):
                self._received.marked[mark[0].decode()] = now
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
            + str(len(answer)).encode()
            + b"\r\n\r\n"
            + answer
        )


async def serve() -> None:
    """Listen on a free port, say which, and take whatever comes."""
    received = Received()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(received), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
