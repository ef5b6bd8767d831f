"""Sockets for requests and smtplib that can be cut off, watched and kept at home.

One exchange is one request with its answer. Time-outs of sockets are for a single
read, so somebody who says a little now and then could hold a worker for hours; an
exchange ends after its seconds whatever happens.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import socks
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from btc_watcher.lib.addresses import address_check, addresses_check
from btc_watcher.lib.causes import (
    BROKEN,
    ProxyRefusedError,
    cause_of_status,
    socks_refusal,
)
from btc_watcher.lib.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btc_watcher.lib.addresses import Address

KINDS: Final = {"socks4": socks.SOCKS4, "socks5": socks.SOCKS5}
# Bytes of the answer to CONNECT.
LONGEST_HEAD: Final = 16_384
# As http.client words it.
REFUSED_TUNNEL: Final = re.compile(r"^Tunnel connection failed: (\d{3})")
SCHEMES: Final = {"http": "http", "socks4": "socks4a", "socks5": "socks5h"}


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """A proxy to go through; names are always looked up by the proxy.

    ``kind`` is http, socks4 (with the extension 4a for names) or socks5.
    """

    kind: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)


class Exchange:
    """One request: whether it got out, and the means to end it.

    ``allowed`` decides to which addresses a direct connection may go.
    """

    def __init__(self, allowed: Callable[[Address], bool] | None = None) -> None:
        self.allowed = allowed
        self.sent = False
        self.overdue = False
        self._ended = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def watch(self, sock: socket.socket) -> None:
        """Be able to cut ``sock``, also when TLS has taken its descriptor over."""
        with self._lock:
            copy = socket.socket(
                sock.family, sock.type, sock.proto, socket.dup(sock.fileno())
            )
            self._sockets.append(copy)
            if self.overdue:
                _shut(copy)

    @contextlib.contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """Cut every connection that is still there after ``seconds``."""
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        token = _current.set(self)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            _current.reset(token)
            with self._lock:
                self._ended = True
                while self._sockets:
                    self._sockets.pop().close()

    def still_in_time(self) -> None:
        """Raise TimeoutError when the exchange was cut off."""
        if self.overdue:
            raise TimeoutError

    def _cut(self) -> None:
        with self._lock:
            if self._ended:
                return
            self.overdue = True
            for sock in self._sockets:
                _shut(sock)


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class WatchedConnection:
    """Mixed into urllib3's connections: tells the exchange about its socket."""

    def _new_conn(self: Any) -> socket.socket:
        exchange = _current.get()
        if exchange is None:
            sock: socket.socket = super()._new_conn()  # type: ignore[misc]  # urllib3's
            return sock
        if exchange.allowed and self.proxy is None:
            addresses_check(self.host, self.port, exchange.allowed)
        sock = super()._new_conn()  # type: ignore[misc]
        exchange.watch(sock)
        if exchange.allowed and self.proxy is None:
            # The name may have been given another address in between.
            try:
                address_check(self.host, sock.getpeername()[0], exchange.allowed)
            except TransportError:
                sock.close()
                raise
        return sock

    def connect(self: Any) -> None:
        super().connect()  # type: ignore[misc]
        if exchange := _current.get():
            exchange.sent = True

    def _tunnel(self: Any) -> None:
        try:
            super()._tunnel()  # type: ignore[misc]
        except OSError as error:
            if found := REFUSED_TUNNEL.match(str(error)):
                cause = cause_of_status(int(found[1]))
                raise ProxyRefusedError("The proxy refused.", cause) from None
            raise
        # An answer of the proxy that was cut off looks like one that has ended.
        if exchange := _current.get():
            exchange.still_in_time()

    def putrequest(self: Any, *args: Any, **kwargs: Any) -> None:
        exchange = _current.get()
        if exchange and self.sock is not None and not exchange.sent:
            # A connection of an earlier exchange, used once more.
            exchange.watch(self.sock)
            exchange.sent = True
        super().putrequest(*args, **kwargs)  # type: ignore[misc]


class WatchedSocksConnection(WatchedConnection):
    """The same through a SOCKS proxy, the talk with the proxy included."""

    def _new_conn(self: Any) -> socket.socket:
        options = self._socks_options
        try:
            return proxied_socket(
                (self.host, self.port),
                ProxyAddress(
                    "socks4" if options["socks_version"] == socks.SOCKS4 else "socks5",
                    options["proxy_host"],
                    int(options["proxy_port"]),
                    options["username"] or "",
                    options["password"] or "",
                ),
                timeout=self.timeout,
                exchange=_current.get(),
            )
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "The proxy did not answer.") from error
        except OSError as error:
            raise NewConnectionError(self, "The proxy did not connect.") from error


def proxied_socket(
    target: tuple[str, int],
    proxy: ProxyAddress,
    *,
    timeout: float | None,
    exchange: Exchange | None,
) -> socket.socket:
    """Return a socket that is connected to ``target`` through ``proxy``.

    Raises OSError: TimeoutError where the proxy said nothing in time.
    """
    problem: OSError = OSError("The proxy's name has no address.")
    for family, kind, proto, _name, address in socket.getaddrinfo(
        proxy.host, proxy.port, type=socket.SOCK_STREAM
    ):
        sock: socket.socket = socks.socksocket(family, kind, proto)
        try:
            if exchange:
                exchange.watch(sock)
            sock.settimeout(timeout)
            if proxy.kind == "http":
                sock.connect(address)
                _http_connect(sock, target, proxy)
            else:
                _socks_connect(sock, target, proxy, str(address[0]))
        except OSError as error:
            sock.close()
            problem = error
        else:
            return sock
    raise problem


def _socks_connect(
    sock: Any, target: tuple[str, int], proxy: ProxyAddress, address: str
) -> None:
    sock.set_proxy(
        KINDS[proxy.kind],
        address,
        proxy.port,
        rdns=True,
        username=proxy.username or None,
        password=proxy.password or None,
    )
    try:
        sock.connect(target)
    except socks.ProxyError as error:
        raise socks_refusal(error) from None


def _http_connect(
    sock: socket.socket, target: tuple[str, int], proxy: ProxyAddress
) -> None:
    """Ask an HTTP proxy for a tunnel, and read its answer and nothing behind it."""
    host, port = target
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    if proxy.username:
        login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {login}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    # One byte at a time: what comes next belongs to the other end of the tunnel.
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte or len(head) >= LONGEST_HEAD:
            raise ProxyRefusedError("The proxy's answer is none.", BROKEN)
        head += byte
    status = head.split(b"\r\n", 1)[0].split()[1:2]
    if status != [b"200"]:
        number = int(status[0]) if status and status[0].isdigit() else 0
        raise ProxyRefusedError("The proxy refused.", cause_of_status(number))
