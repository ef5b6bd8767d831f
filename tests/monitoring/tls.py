"""A PostgreSQL of the system that speaks TLS, with a certificate of an own authority."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from btc_watcher.local import ports, service_user

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "database.test"
# Whoever comes without TLS is turned away.
ONLY_TLS = "hostssl all all all trust\n"


@dataclass(frozen=True)
class TlsServer:
    """Where it listens, its programs, and the certificate of its authority."""

    port: int
    programs: Path
    root: Path

    def parameters(self, mode: str, host: str = NAME) -> dict[str, Any]:
        """Return how to connect under the name ``host``."""
        return {
            "host": host,
            "hostaddr": "127.0.0.1",
            "port": self.port,
            "user": "postgres",
            "dbname": "postgres",
            "sslmode": mode,
            "sslrootcert": str(self.root),
        }

    def ready(self) -> TlsServer:
        """Wait until it answers."""
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(**self.parameters("require")).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return self


@contextlib.contextmanager
def tls_server(*, only: bool = False) -> Iterator[TlsServer]:
    """Run one for a while; ``only``: it takes no connection without TLS."""
    programs = _installed()
    if programs is None:
        pytest.skip("needs a PostgreSQL with TLS below /usr/lib/postgresql")
    with tempfile.TemporaryDirectory(prefix="btcw-tls-") as name:
        folder, port = Path(name), ports.any_free()
        folder.chmod(0o711)
        data = _data(folder, programs)
        if only:
            (data / "pg_hba.conf").write_text(ONLY_TLS, encoding="utf-8")
        options = {"port": port, "listen_addresses": "127.0.0.1", "ssl": "on"}
        options |= {"unix_socket_directories": "", "fsync": "off"}
        given = (
            part for item in options.items() for part in ("-c", f"{item[0]}={item[1]}")
        )
        process = _run(f"{programs}/postgres", "-D", f"{data}", *given)
        try:
            yield TlsServer(port, programs, folder / "root.crt").ready()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def _data(folder: Path, programs: Path) -> Path:
    """Make its files, with a certificate for NAME; the authority's is beside them."""
    data = folder / "data"
    data.mkdir()
    service_user.give_to_service_user(data)
    initdb = (f"{programs}/initdb", "-D", f"{data}", "-A", "trust", "-U", "postgres")
    assert _run(*initdb, "--no-sync").wait(timeout=120) == 0
    root, certificate, key = _certificates()
    for path, text in (("server.crt", certificate), ("server.key", key)):
        (data / path).write_bytes(text)
        (data / path).chmod(0o600)
        service_user.give_to_service_user(data / path)
    (folder / "root.crt").write_bytes(root)
    return data


def _certificates() -> tuple[bytes, bytes, bytes]:
    """Return the authority's certificate, one of it for NAME, and that one's key (PEM)."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority, name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)])
        for each in ("An authority of our own", NAME)
    )
    root = (
        _certificate(authority, authority, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName(NAME)])
    signed = (
        _certificate(name, authority, key)
        .add_extension(names, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = serialization.Encoding.PEM
    return root.public_bytes(pem), signed.public_bytes(pem), private


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now, day = timezone.now(), timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )


def _installed() -> Path | None:
    """Return the programs of a PostgreSQL of the system; the embedded has no TLS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def _run(*command: str) -> subprocess.Popen[bytes]:
    """Start a program as the user that PostgreSQL agrees to run as."""
    user = [service_user.setpriv(), *service_user.as_service_user()]
    return subprocess.Popen(
        [*user, "--pdeathsig=INT", *command],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
