"""The browsers of a candle close, in a process of their own: see ``closing``.

``python -m tests.benchmarks.close_browsers`` reads a ``fanout_client.Address`` from its
first line of input, connects and answers. Each further line is how many events to wait
for; it is answered at once, and again when all browsers have them.

A million frames cannot be counted in the time that is measured. So the first browser
counts its frames, and the others have them all when they have as many bytes: the server
sends everybody the same.
"""

from __future__ import annotations

import base64
import os
import selectors
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from tests.benchmarks.fanout_client import Reader

if TYPE_CHECKING:
    from tests.benchmarks.fanout_client import Address

BUFFER: Final = bytearray(1 << 20)
PATIENCE: Final = 60.0
# Connected at once: the server's queue of connections must not overflow.
AT_ONCE: Final = 50
# Pings and heartbeats, which not everybody gets at the same time.
OTHER_BYTES: Final = 200
QUIET_SECONDS: Final = 0.3
# A ping's head, with the four bytes of content that the server sends.
PING: Final = b"\x89\x04"
PING_LENGTH: Final = 6


class Browser:
    """One socket: how many bytes came in this round, and when the last of them."""

    def __init__(self, connection: socket.socket, counter: Reader | None) -> None:
        self.socket = connection
        self.bytes, self.at = 0, 0.0
        self._counter = counter

    def begin(self) -> None:
        """Count anew."""
        self.bytes, self.at = 0, 0.0

    def read(self) -> None:
        """Take what is there."""
        length = self.socket.recv_into(BUFFER)
        if not length:
            raise ConnectionError("The server hung up.")
        self.bytes += length
        self.at = time.monotonic()
        if self._counter is not None:
            self._counter.take(bytes(BUFFER[:length]))
            return
        place = BUFFER.find(PING, 0, length)
        if place >= 0:
            # What only looks like one is answered for nothing; nobody minds.
            content = bytes(BUFFER[place + 2 : place + PING_LENGTH])
            self.socket.send(bytes((0x8A, 0x84, 0, 0, 0, 0)) + content)


class Crowd:
    """All browsers; the first one counts."""

    def __init__(self, address: Address) -> None:
        self.selector = selectors.EpollSelector()
        self.browsers: list[Browser] = []
        request = _request(address)
        while (left := address["clients"] - len(self.browsers)) > 0:
            for connection, rest in _connected(
                address["port"], request, min(left, AT_ONCE)
            ):
                self._add(connection, rest)
            # Who is connected is pinged while the others come.
            self.idle(0)

    def _add(self, connection: socket.socket, rest: bytes) -> None:
        counter = None
        if not self.browsers:
            counter = self.counter = Reader(connection)
            counter.take(rest)
        connection.setblocking(False)
        browser = Browser(connection, counter)
        self.browsers.append(browser)
        self.selector.register(connection, selectors.EVENT_READ, browser)

    def idle(self, seconds: float) -> bool:
        """Read what comes within some seconds; tell whether nothing did."""
        ready = self.selector.select(seconds)
        for key, _events in ready:
            key.data.read()
        return not ready

    def begin(self) -> None:
        """Count anew."""
        while not self.idle(0):
            pass
        self.counter.events = self.counter.notices = 0
        for browser in self.browsers:
            browser.begin()

    def follow(self, wanted: int) -> dict[str, Any]:
        """Read until every browser has ``wanted`` events; return when it had them.

        ``missing`` is how many had not after PATIENCE, -1 when the first one had not.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            idle = self.idle(QUIET_SECONDS)
            if idle and self.counter.events >= wanted and not self.behind():
                break
        return {
            "ended": max(browser.at for browser in self.browsers),
            "missing": self.behind() if self.counter.events >= wanted else -1,
            "notices": self.counter.notices,
            "bytes": sum(browser.bytes for browser in self.browsers),
        }

    def behind(self) -> int:
        """Return how many have less than the first one."""
        least = self.browsers[0].bytes - OTHER_BYTES
        return sum(browser.bytes < least for browser in self.browsers)


def _request(address: Address) -> bytes:
    headers = {
        "Host": f"127.0.0.1:{address['port']}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **address["headers"],
    }
    if address["deflate"]:
        # As Chromium and Firefox offer it.
        headers["Sec-WebSocket-Extensions"] = (
            "permessage-deflate; client_max_window_bits"
        )
    lines = (f"{name}: {value}" for name, value in headers.items())
    return "\r\n".join((f"GET {address['path']} HTTP/1.1", *lines, "", "")).encode()


def _connected(
    port: int, request: bytes, count: int
) -> list[tuple[socket.socket, bytes]]:
    """Return connections, and what each has sent already."""
    opened = [
        socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)
    ]
    for connection in opened:
        connection.sendall(request)
    found = []
    for connection in opened:
        answer = b""
        while b"\r\n\r\n" not in answer:
            if not (more := connection.recv(4096)):
                raise ConnectionError(f"No answer but {answer!r}.")
            answer += more
        if not answer.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"The server answered: {answer!r}.")
        found.append((connection, answer.partition(b"\r\n\r\n")[2]))
    return found


def say(answer: object) -> None:
    """Print one line of JSON."""
    sys.stdout.write(orjson.dumps(answer).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Connect, then follow as often as asked; pings are answered in between."""
    crowd = Crowd(orjson.loads(sys.stdin.buffer.readline()))
    say({"connected": len(crowd.browsers)})
    ready = selectors.DefaultSelector()
    ready.register(sys.stdin.fileno(), selectors.EVENT_READ)
    while True:
        crowd.idle(0.1)
        if not ready.select(0):
            continue
        if not (line := os.read(sys.stdin.fileno(), 100)):
            return
        crowd.begin()
        say({"ready": True})
        say(crowd.follow(int(line)))


if __name__ == "__main__":
    main()
