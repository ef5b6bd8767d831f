"""The one way out."""

from __future__ import annotations

import http.server
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from btc_watcher.lib import outgoing
from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.outgoing import OutgoingSession

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "bot123:TOKEN"


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers everything and remembers what was asked."""

    seen: list[tuple[str, str]]
    answer: int

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._take()

    def _take(self) -> None:
        self.seen.append((self.path, self.headers["User-Agent"]))
        self.send_response(self.answer)
        if self.answer == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def server(answer: int = 200) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Serve on loopback; gives the address and what was asked so far."""
    seen: list[tuple[str, str]] = []
    handler = type("Handler", (Recorder,), {"seen": seen, "answer": answer})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", seen
        running.shutdown()


@contextmanager
def silent_server() -> Iterator[str]:
    """Accept connections and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@pytest.mark.parametrize("status", [200, 404, 500])
def test_whatever_the_other_side_answers_is_returned(status: int) -> None:
    with server(status) as (address, seen), OutgoingSession() as session:
        assert (
            session.call("POST", f"{address}/send", json={"a": 1}).status_code == status
        )
    assert seen == [("/send", outgoing.USER_AGENT)]


def test_a_redirect_is_not_followed() -> None:
    with server(302) as (address, seen), OutgoingSession() as session:
        assert session.call("GET", f"{address}/a").status_code == 302
    assert len(seen) == 1


def test_silence_ends_in_a_temporary_error_that_hides_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outgoing, "READ_TIMEOUT", 0.1)
    with (
        silent_server() as address,
        OutgoingSession() as session,
        pytest.raises(TransportError) as told,
    ):
        session.call("GET", f"{address}/{SECRET}/getMe?key={SECRET}")
    check(told.value)


def test_a_refused_connection_ends_in_a_temporary_error_that_hides_the_token() -> None:
    address = f"http://user:{SECRET}@127.0.0.1:{closed_port()}/{SECRET}/getMe"
    with OutgoingSession() as session, pytest.raises(TransportError) as told:
        session.call("GET", address)
    check(told.value)


def test_a_broken_proxy_ends_in_an_error_that_hides_its_password() -> None:
    proxy = f"http://user:{SECRET}@127.0.0.1:{closed_port()}"
    with (
        server() as (address, seen),
        OutgoingSession(proxy=proxy) as session,
        pytest.raises(TransportError) as told,
    ):
        session.call("GET", f"{address}/x")
    check(told.value)
    # Going direct in silence would be worse than failing.
    assert seen == []


def check(error: TransportError) -> None:
    assert "127.0.0.1" in error.message
    assert SECRET not in error.message
    assert error.message.endswith(".")
    assert not error.permanent
    # Neither may the log of a traceback tell it.
    assert error.__suppress_context__


def test_the_proxy_of_the_session_carries_the_request() -> None:
    with server() as (proxy, seen), OutgoingSession(proxy=proxy) as session:
        session.call("GET", "http://exchange.test/api?x=1")
    assert seen == [("http://exchange.test/api?x=1", outgoing.USER_AGENT)]


def test_proxies_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with server() as (proxy, through), server() as (address, direct):
        for name in (
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "all_proxy",
            "ALL_PROXY",
        ):
            monkeypatch.setenv(name, proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with OutgoingSession() as session:
            session.call("GET", f"{address}/direct")
    assert through == []
    assert [path for path, _agent in direct] == ["/direct"]
