"""A way to the database that is encrypted, and one that is proven."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection

from btc_watcher.env import BASE_DIR
from monitoring.roles import checks
from monitoring.roles.checks import tls_state
from tests.monitoring.tls import TlsServer, tls_server
from tests.servers import ENV

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[TlsServer]:
    """A PostgreSQL of its own that speaks TLS."""
    with tls_server() as made:
        yield made


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
    server: TlsServer, monkeypatch: pytest.MonkeyPatch
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


def test_a_server_with_another_name_is_refused(server: TlsServer) -> None:
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
