"""What proxies are tested against: a target that tells who asked, and stored rows."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone

from proxies.models import Proxy, ProxyTest
from proxies.services import proxy_create
from tests.notifications.fakes import HttpFake

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notifications.fakes import Answer, Received

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class TargetFake(HttpFake):
    """Answers with the address that a service for exit addresses would tell."""

    def reply(self, request: Received) -> Answer:
        """Return an address that is not ours, so that nothing is guessed."""
        return 200, {"ip": "203.0.113.7"}


def proxy_row(port: int, kind: str = "http", **fields: Any) -> Proxy:
    """Store a proxy of loopback; tests end after two seconds."""
    values: dict[str, Any] = {
        "name": f"{kind} {port}",
        "type": kind,
        "host": "127.0.0.1",
        "port": port,
        "health_check_config": {"timeout_seconds": 2},
    }
    return proxy_create(**(values | fields))


def history(proxy: Proxy, results: str, *, newest: datetime = NOW) -> None:
    """Store tests one minute apart, oldest first: ``+`` succeeded, ``-`` failed."""
    ProxyTest.objects.bulk_create(
        ProxyTest(
            proxy=proxy,
            test_time=newest - timedelta(minutes=len(results) - position),
            success=sign == "+",
            latency_ms=100 + position if sign == "+" else None,
            test_details={"failure": "" if sign == "+" else "timeout"},
        )
        for position, sign in enumerate(results)
    )


class ScriptedServer:
    """Takes one connection after another and answers each read with the next bytes.

    After the last of them it closes the connection.
    """

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                client, _address = self._listening.accept()
                with contextlib.suppress(OSError), client:
                    client.settimeout(5)
                    self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        for answer in self._answers:
            client.recv(65536)
            client.sendall(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join(10)
        self._listening.close()


class TlsServer(ScriptedServer):
    """Speaks TLS with a certificate that nobody trusts."""

    def __init__(self, folder: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(_certificate(folder))
        super().__init__()

    def _serve(self, client: socket.socket) -> None:
        with self._context.wrap_socket(client, server_side=True) as secure:
            secure.recv(1)


def _certificate(folder: Path) -> Path:
    """Write a key with a certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "target.test")])
    now = timezone.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "target.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
