"""A proxy that can die with all of its connections, and come back."""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.notifications.fakes.proxies import ProxyFake

DYING_SECONDS = 5.0


class MortalProxy(ProxyFake):
    """HTTP and SOCKS on one port that stays its own."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        super().__init__()
        self._acceptor = self._threads[0]

    def _connect(self, kind: str, host: str, port: int) -> socket.socket:
        sock = super()._connect(kind, host, port)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._sockets = [each for each in self._sockets if each.fileno() >= 0]
        self._sockets.append(sock)
        return sock

    def die(self) -> None:
        """Take no more connections, and end those that there are."""
        self._over.set()
        self._acceptor.join(DYING_SECONDS)
        self._listening.close()
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def revive(self) -> None:
        """Listen again, where it did before."""
        self._over.clear()
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._listening.settimeout(0.05)
        self._acceptor = threading.Thread(target=self._accept)
        self._threads.append(self._acceptor)
        self._acceptor.start()
