"""Many WebSocket clients in one process that does little more than count frames.

``python -m tests.benchmarks.fanout_client``: the first line on the standard input is an
``Address`` as JSON, each further line an ``Order``; both are answered with a line of JSON.
It speaks just enough of RFC 6455 to cost less than the server that it measures.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import selectors
import socket
import sys
import time
import zlib
from typing import Any, Final, NotRequired, TypedDict

from btc_watcher.lib.shared_frames import SharedFrames

CHUNK: Final = 1 << 16
# Connected at once: the server's queue of connections must not overflow.
AT_ONCE: Final = 50
# That something was lost is said in less, unless it is compressed.
SHORTEST_EVENT: Final = 64
CONTROL, CLOSE, PING = 8, 8, 9
# RFC 7692: a bit of the first byte, and what a message is sent without.
COMPRESSED, TAIL = 0x40, b"\x00\x00\xff\xff"
# What a page is told that missed something, and what says nothing.
NOTICES, IDLE = frozenset({"reload", "stalled"}), "heartbeat"


class Address(TypedDict):
    """Where to connect to, with what, and how often."""

    port: int
    path: str
    headers: dict[str, str]
    # A text that is no event.
    heartbeat: NotRequired[str]
    deflate: bool
    clients: int


class Order(TypedDict):
    """Count until every client has this many more events, or the seconds are over."""

    events: int
    seconds: float
    # Whether to note when the last client had each event.
    times: bool


class Client:
    """One connection: how many events have arrived on it."""

    __slots__ = (
        *("events", "notices", "open", "rest", "skip"),
        *("heartbeat", "shortest", "socket"),
    )

    def __init__(
        self, connection: socket.socket, *, compressed: bool, heartbeat: str = ""
    ) -> None:
        self.socket = connection
        self.shortest = 0 if compressed else SHORTEST_EVENT
        beat = SharedFrames([heartbeat])
        # A single frame, whose head has two bytes.
        self.heartbeat = (beat.deflated if compressed else beat.plain)[2:]
        self.events = 0
        self.notices = 0
        # What of a frame's head has come, what of its content has not, and what that is.
        self.rest = b""
        self.skip = 0
        self.open = 0

    def take(self, data: bytes) -> None:
        """Count the events that are complete with ``data``."""
        if self.rest:
            data = self.rest + data
        length, position = len(data), self.skip
        if position > length:
            self.skip -= length
            return
        self.events += self.open
        self.rest, self.skip, self.open = b"", 0, 0
        while position < length:
            size, head = self._head(data, position, length)
            end = position + head + size
            short = head and (
                data[position] & CONTROL
                or size < self.shortest
                or size == len(self.heartbeat)
            )
            if not head or (short and end > length):
                self.rest = data[position:]
                return
            if short:
                self._short(data[position], data[end - size : end])
            elif end > length:
                self.skip, self.open = end - length, 1
                return
            else:
                self.events += 1
            position = end

    @staticmethod
    def _head(data: bytes, position: int, length: int) -> tuple[int, int]:
        """Return the sizes of a frame's content and head; 0 when the head is cut off."""
        if position + 2 > length:
            return 0, 0
        size, head = data[position + 1], 2
        if size == 126:
            head = 4
            size = int.from_bytes(data[position + 2 : position + 4])
        elif size == 127:
            head = 10
            size = int.from_bytes(data[position + 2 : position + 10])
        return (0, 0) if position + head > length else (size, head)

    def _short(self, first: int, content: bytes) -> None:
        opcode = first & 15
        if opcode == CLOSE:
            raise ConnectionError(f"The server closed: {content!r}")
        if opcode == PING:
            # A pong, with a mask of zeros.
            head = bytes((0x8A, 0x80 | len(content), 0, 0, 0, 0))
            self.socket.send(head + content)
        elif content != self.heartbeat:
            seldom = len(content) < self.shortest
            self.notices += seldom
            self.events += not seldom


class Reader(Client):
    """A connection whose messages are read, so that an event is told from a notice.

    Compressed, both are as short as each other. One is enough for a crowd: reading costs
    more than sending.
    """

    __slots__ = ("inflater",)

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, compressed=False)
        self.inflater = zlib.decompressobj(-zlib.MAX_WBITS)

    def take(self, data: bytes) -> None:
        """Read the messages that are complete with ``data``."""
        data, position = self.rest + data, 0
        while True:
            size, head = self._head(data, position, len(data))
            end = position + head + size
            if not head or end > len(data):
                break
            self._read(data[position], data[end - size : end])
            position = end
        self.rest = data[position:]

    def _read(self, first: int, content: bytes) -> None:
        if first & CONTROL:
            self._short(first, content)
            return
        if first & COMPRESSED:
            content = self.inflater.decompress(content + TAIL)
        kind = json.loads(content)["event"]["type"]
        self.notices += kind in NOTICES
        self.events += kind not in NOTICES and kind != IDLE


class Crowd:
    """All clients; the first one reads."""

    def __init__(self, address: Address) -> None:
        self.selector = selectors.DefaultSelector()
        self.clients: list[Client] = []
        self.received = 0
        self.order: Order | None = None
        self.last: list[float] = []
        self.extensions = ""
        wanted = address["clients"]
        for start in range(0, wanted, AT_ONCE):
            self._connect(address, min(AT_ONCE, wanted - start))
            # Who is connected is pinged while the others come.
            for key, _events in self.selector.select(0):
                self._read(key.data)

    def _connect(self, address: Address, count: int) -> None:
        opened = [
            socket.create_connection(("127.0.0.1", address["port"]), timeout=60)
            for _ in range(count)
        ]
        request = _request(address)
        for connection in opened:
            connection.sendall(request)
        for connection in opened:
            answer, rest = _answer(connection)
            self.extensions = answer.get("sec-websocket-extensions", "")
            connection.setblocking(False)
            client = self._client(connection, address.get("heartbeat", ""))
            client.take(rest)
            self.clients.append(client)
            self.selector.register(connection, selectors.EVENT_READ, client)

    def _client(self, connection: socket.socket, heartbeat: str) -> Client:
        if not self.clients:
            return Reader(connection)
        compressed = bool(self.extensions)
        return Client(connection, compressed=compressed, heartbeat=heartbeat)

    def run(self) -> None:
        """Read from everybody, and answer orders, until the standard input ends."""
        self.selector.register(sys.stdin.fileno(), selectors.EVENT_READ, None)
        while True:
            for key, _events in self.selector.select(0.5):
                if key.data is None:
                    if not (line := os.read(key.fd, CHUNK)):
                        return
                    self._begin(json.loads(line))
                else:
                    self._read(key.data)
            if self.order is not None:
                self._end_if_due(self.order)

    def _begin(self, order: Order) -> None:
        self.order, self.received = order, 0
        self.last = [0.0] * order["events"]
        for client in self.clients:
            client.events = client.notices = 0
        self.waiting = len(self.clients)
        self.deadline = time.perf_counter() + order["seconds"]
        self.began = time.process_time()
        say({"ready": True})

    def _read(self, client: Client) -> None:
        data = client.socket.recv(CHUNK)
        if not data:
            raise ConnectionError("The server hung up.")
        before = client.events
        client.take(data)
        self.received += len(data)
        if self.order is None or client.events == before:
            return
        if self.order["times"]:
            now = time.perf_counter()
            for number in range(before, min(client.events, len(self.last))):
                self.last[number] = now
        if before < self.order["events"] <= client.events:
            self.waiting -= 1

    def _end_if_due(self, order: Order) -> None:
        now = time.perf_counter()
        if self.waiting and now < self.deadline:
            return
        self.order = None
        say(
            {
                "ended": now,
                "events": sum(client.events for client in self.clients),
                "notices": sum(client.notices for client in self.clients),
                "missing": self.waiting,
                "bytes": self.received,
                "cpu_seconds": time.process_time() - self.began,
                "last": self.last if order["times"] else [],
            }
        )


def _request(address: Address) -> bytes:
    lines = [
        f"GET {address['path']} HTTP/1.1",
        f"Host: 127.0.0.1:{address['port']}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in address["headers"].items()),
    ]
    if address["deflate"]:
        # As Chromium and Firefox offer it.
        offer = "permessage-deflate; client_max_window_bits"
        lines.append(f"Sec-WebSocket-Extensions: {offer}")
    return "\r\n".join([*lines, "", ""]).encode()


def _answer(connection: socket.socket) -> tuple[dict[str, str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(CHUNK)):
            raise ConnectionError(f"No answer but {data!r}.")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    if " 101 " not in status:
        raise ConnectionError(f"The server answered: {status}.")
    pairs = (line.split(": ", 1) for line in lines)
    return {name.lower(): value for name, value in pairs}, rest


def say(values: dict[str, Any]) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Connect, and do what is ordered."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # No buffer of Python's own: the selector would not know of the lines in it.
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(sys.stdin.fileno(), 1)
    crowd = Crowd(json.loads(line))
    say({"connected": len(crowd.clients), "extensions": crowd.extensions})
    crowd.run()


if __name__ == "__main__":
    main()
