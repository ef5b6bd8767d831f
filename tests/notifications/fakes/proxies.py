"""A proxy that counts: HTTP (plain and CONNECT), SOCKS4a and SOCKS5 on one port."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType


class ProxyFake:
    """Connects where it is asked to, and keeps ``targets``: names as it got them.

    ``hosts`` says where names really are. ``password`` with the name "user" is
    asked for when it is set, except by SOCKS4, which has none.
    """

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.kinds: list[str] = []
        self.hosts: dict[str, str] = {}
        self.password = ""
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                client, _address = self._listening.accept()
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(10)
        with contextlib.suppress(OSError), client:
            first = client.recv(1)
            serve = {b"\x04": self._socks4, b"\x05": self._socks5}.get(first)
            if serve:
                serve(client)
            elif first:
                self._http(client, first)

    def _connect(self, kind: str, host: str, port: int) -> socket.socket:
        self.kinds.append(kind)
        self.targets.append(f"{host}:{port}")
        return socket.create_connection((self.hosts.get(host, host), port), 10)

    def _http(self, client: socket.socket, head: bytes) -> None:
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        lines = head.split(b"\r\n")
        method, target, _version = lines[0].decode().split(" ")
        login = base64.b64encode(f"user:{self.password}".encode())
        if self.password and b"Proxy-Authorization: Basic " + login not in lines:
            client.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
            )
            return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        with self._connect("http", parts.hostname or "", parts.port or 80) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                query = f"?{parts.query}" if parts.query else ""
                first = f"{method} {parts.path}{query} HTTP/1.1".encode()
                server.sendall(head.replace(lines[0], first, 1))
            self._pump(client, server)

    def _socks4(self, client: socket.socket) -> None:
        _command, port, address = struct.unpack("!BH4s", _exactly(client, 7))
        _until_zero(client)
        host = socket.inet_ntoa(address)
        if address[:3] == b"\0\0\0":
            host = _until_zero(client).decode()
        with self._connect("socks4", host, port) as server:
            client.sendall(b"\0\x5a" + b"\0" * 6)
            self._pump(client, server)

    def _socks5(self, client: socket.socket) -> None:
        methods = _exactly(client, _exactly(client, 1)[0])
        if self.password:
            client.sendall(b"\x05\x02" if 2 in methods else b"\x05\xff")
            _exactly(client, 1)
            name = _exactly(client, _exactly(client, 1)[0])
            word = _exactly(client, _exactly(client, 1)[0])
            right = (name, word) == (b"user", self.password.encode())
            client.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        else:
            client.sendall(b"\x05\x00")
        _version, _command, _zero, kind = _exactly(client, 4)
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            host = socket.inet_ntoa(_exactly(client, 4))
        (port,) = struct.unpack("!H", _exactly(client, 2))
        with self._connect("socks5", host, port) as server:
            client.sendall(b"\x05\x00\x00\x01" + b"\0" * 6)
            self._pump(client, server)

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=_copy, args=(server, client))
        back.start()
        _copy(client, server)
        back.join(10)

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
            thread.join(15)
        self._listening.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def _until_zero(client: socket.socket) -> bytes:
    data = b""
    while (byte := _exactly(client, 1)) != b"\0":
        data += byte
    return data
