"""A TCP server that does what no protocol allows."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"
DRIP_HEAD = b"HTTP/1.1 200 OK\r\nX-"
DRIP_BODY = b"HTTP/1.1 200 OK\r\n\r\n{"
HUGE_HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class RawServer:
    """Reads a little and then behaves by ``mode``.

    silent: says nothing. half: says half an answer and leaves. drip_head and
    drip_body: never stop saying a little. huge: says more than anybody reads. close:
    leaves without a word.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.connections = 0
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def base(self) -> str:
        """The address for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                client, _address = self._listening.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                client.recv(65536)
            self._behave(client)

    def _behave(self, client: socket.socket) -> None:
        match self.mode:
            case "silent":
                self._over.wait(30)
            case "half":
                client.sendall(HALF)
            case "drip_head" | "drip_body":
                client.sendall(DRIP_HEAD if self.mode == "drip_head" else DRIP_BODY)
                self._drip(client)
            case "huge":
                client.sendall(HUGE_HEAD)
                while not self._over.is_set():
                    client.sendall(b"x" * 65536)
            case "close":
                client.shutdown(socket.SHUT_RDWR)

    def _drip(self, client: socket.socket) -> None:
        ends = time.monotonic() + 30
        while time.monotonic() < ends and not self._over.wait(0.02):
            client.sendall(b" ")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10)
        self._listening.close()
