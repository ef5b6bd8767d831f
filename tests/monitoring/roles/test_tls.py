"""A way to the database that is encrypted, and one that is proven."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
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
from django.db import connection
from django.utils import timezone

from btc_watcher.env import BASE_DIR
from btc_watcher.local import ports, service_user
from monitoring.roles import checks
from monitoring.roles.checks import tls_state
from tests.servers import ENV

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "database.test"


def self_signed() -> tuple[bytes, bytes]:
    """Return a certificate for NAME, signed by itself, and its key (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now, day = timezone.now(), timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def installed() -> Path | None:
    """Return the programs of a PostgreSQL of the system; the embedded has no TLS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def run(*command: str) -> subprocess.Popen[bytes]:
    """Start a program as the user that PostgreSQL agrees to run as."""
    user = [service_user.setpriv(), *service_user.as_service_user()]
    return subprocess.Popen(
        [*user, "--pdeathsig=INT", *command],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL of its own that speaks TLS, with a certificate for NAME."""
    programs = installed()
    if programs is None:
        pytest.skip("needs a PostgreSQL with TLS below /usr/lib/postgresql")
    with tempfile.TemporaryDirectory(prefix="btcw-tls-") as name:
        folder, port = Path(name), ports.any_free()
        folder.chmod(0o711)
        data = folder / "data"
        data.mkdir()
        service_user.give_to_service_user(data)
        initdb = (
            f"{programs}/initdb",
            "-D",
            f"{data}",
            "-A",
            "trust",
            "-U",
            "postgres",
        )
        assert run(*initdb, "--no-sync").wait(timeout=120) == 0
        certificate, key = self_signed()
        for path, text in (("server.crt", certificate), ("server.key", key)):
            (data / path).write_bytes(text)
            (data / path).chmod(0o600)
            service_user.give_to_service_user(data / path)
        (folder / "root.crt").write_bytes(certificate)
        options = {"port": port, "listen_addresses": "127.0.0.1", "ssl": "on"}
        options |= {"unix_socket_directories": "", "fsync": "off"}
        given = (
            part for item in options.items() for part in ("-c", f"{item[0]}={item[1]}")
        )
        process = run(f"{programs}/postgres", "-D", f"{data}", *given)
        try:
            yield Server(port, folder / "root.crt").ready()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


@dataclass(frozen=True)
class Server:
    """Where it listens, and the certificate that proves it."""

    port: int
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

    def ready(self) -> Server:
        """Wait until it answers."""
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(**self.parameters("disable")).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return self


def told(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]) -> checks.Finding:
    """Return what the doctor hears of a connection made with ``given``."""
    with psycopg.connect(**given) as client:
        monkeypatch.setattr(checks, "connection", Stand(given, client))
        return tls_state()


class Stand:
    """Another connection in the place of Django's."""

    def __init__(self, given: dict[str, Any], client: psycopg.Connection) -> None:
        self._given = given
        self.cursor = client.cursor

    def get_connection_params(self) -> dict[str, Any]:
        """Return how the connection was made."""
        return self._given


def test_only_a_proven_server_is_called_well(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = told(monkeypatch, server.parameters("disable"))
    assert (plain.state, plain.facts["encrypted"]) == ("warning", False)
    assert "verify-full" in plain.cure
    unproven = told(monkeypatch, server.parameters("require"))
    assert (unproven.state, unproven.facts["encrypted"]) == ("warning", True)
    assert "sslmode=require" in unproven.said
    proven = told(monkeypatch, server.parameters("verify-full"))
    assert (proven.state, proven.cure) == ("ok", "")
    assert "TLSv1.3" in proven.said


def test_a_server_with_another_name_is_refused(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(**server.parameters("verify-full", host="other.test"))


def test_settings_keep_what_the_address_says_about_tls() -> None:
    script = "import json; from btc_watcher.settings import DATABASES;"
    script += "print(json.dumps(DATABASES['default']['OPTIONS']))"
    url = "postgres://u:p@db.test/name?sslmode=verify-full&sslrootcert=/etc/ca.crt"
    changes = {"DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=BASE_DIR,
        env={**ENV, **changes},
        check=True,
        capture_output=True,
        text=True,
    )
    options = json.loads(done.stdout)
    assert options["sslmode"] == "verify-full"
    assert options["sslrootcert"] == "/etc/ca.crt"
    assert options["application_name"] == "btc_watcher"


@pytest.mark.django_db
def test_the_own_machine_needs_no_tls() -> None:
    finding = tls_state()
    assert finding.state == "ok"
    assert finding.facts["host"] == connection.settings_dict["HOST"]
