"""The one way out, at its limits: time, size, proxies, and what became of a request."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
import requests

from btc_watcher.lib import outgoing
from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.outgoing import OutgoingSession, address_shown, proxy_url
from btc_watcher.lib.sockets import ProxyAddress
from tests.notifications.fakes import ProxyFake, RawServer, WebhookFake

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[WebhookFake]:
    with WebhookFake() as fake:
        yield fake


def failure(session: OutgoingSession, url: str) -> TransportError:
    with session, pytest.raises(TransportError) as caught:
        session.call("POST", url, json={"a": 1})
    return caught.value


@pytest.mark.parametrize("mode", ["drip_head", "drip_body"])
def test_a_drip_does_not_hold_a_worker(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "TOTAL_TIMEOUT", 0.4)
    started = time.monotonic()
    with RawServer(mode) as drip:
        error = failure(OutgoingSession(), f"{drip.base}/x")
    assert time.monotonic() - started < 3
    assert error.unknown
    assert "did not answer within 0 seconds" in error.message


def test_all_calls_of_a_session_share_its_seconds(server: WebhookFake) -> None:
    with OutgoingSession(seconds=0.5) as session:
        session.call("POST", server.base)
        server.hold = True
        started = time.monotonic()
        with pytest.raises(TransportError, match="did not answer"):
            session.call("POST", server.base)
        with pytest.raises(TransportError, match="no time left") as caught:
            session.call("POST", server.base)
        assert not caught.value.unknown
        assert time.monotonic() - started < 3


def test_a_body_may_be_as_long_as_is_allowed_and_no_longer(
    server: WebhookFake,
) -> None:
    server.answers.extend([(200, b"x" * 1000), (200, b"x" * 1001), (500, b"x" * 1001)])
    with OutgoingSession(largest=1000) as session:
        assert len(session.call("POST", server.base).content) == 1000
    error = failure(OutgoingSession(largest=1000), server.base)
    assert (error.code, error.unknown) == (200, True)
    assert "more than 1000 bytes" in error.message
    # It said no, whatever else it said.
    error = failure(OutgoingSession(largest=1000), server.base)
    assert (error.code, error.unknown) == (500, False)


@pytest.mark.parametrize(
    ("mode", "unknown"),
    [("close", True), ("half", True), ("silent", True)],
)
def test_what_happens_after_the_request_is_out_leaves_the_outcome_unknown(
    mode: str, unknown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "READ_TIMEOUT", 0.3)
    with RawServer(mode) as raw:
        error = failure(OutgoingSession(), f"{raw.base}/x")
    assert (error.unknown, error.permanent) == (unknown, False)


def test_a_handshake_that_is_cut_off_has_sent_nothing() -> None:
    with RawServer("close") as raw:
        error = failure(OutgoingSession(), f"https://127.0.0.1:{raw.port}/x")
    assert (error.unknown, error.permanent) == (False, False)
    assert "No connection to 127.0.0.1" in error.message


@pytest.mark.parametrize("mode", ["silent", "drip_head"])
def test_a_handshake_that_hangs_is_cut_off(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "TOTAL_TIMEOUT", 0.4)
    started = time.monotonic()
    with RawServer(mode) as raw:
        error = failure(OutgoingSession(), f"https://127.0.0.1:{raw.port}/x")
    assert time.monotonic() - started < 3
    assert not error.unknown


@pytest.mark.parametrize(
    "url", ["https://[x/", "nonsense", "https://a\nb/", "ftp://a/"]
)
def test_an_address_that_nobody_can_ask_is_permanent(url: str) -> None:
    assert failure(OutgoingSession(), url).permanent


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
def test_names_are_looked_up_by_the_proxy(kind: str, server: WebhookFake) -> None:
    port = server.base.rpartition(":")[2]
    with ProxyFake() as proxy:
        proxy.hosts["only.the.proxy.knows.test"] = "127.0.0.1"
        way = ProxyAddress(kind, "127.0.0.1", proxy.port)
        with OutgoingSession(proxy=way) as session:
            url = f"http://only.the.proxy.knows.test:{port}/x?a=b"
            assert session.call("POST", url, json=[1]).status_code == 204
    assert proxy.targets == [f"only.the.proxy.knows.test:{port}"]
    assert proxy.kinds == [kind]
    assert server.received[0].query == {"a": "b"}


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
def test_https_goes_through_the_proxy_as_well(kind: str) -> None:
    with RawServer("close") as raw, ProxyFake() as proxy:
        way = ProxyAddress(kind, "127.0.0.1", proxy.port)
        error = failure(OutgoingSession(proxy=way), f"https://127.0.0.1:{raw.port}/")
        assert raw.connections == 1
    assert proxy.targets == [f"127.0.0.1:{raw.port}"]
    assert not error.unknown


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("mode", ["silent", "close", "drip_head"])
def test_a_proxy_that_hangs_does_not_hold_a_worker(
    kind: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "TOTAL_TIMEOUT", 0.5)
    monkeypatch.setattr(outgoing, "READ_TIMEOUT", 0.5)
    started = time.monotonic()
    with RawServer(mode) as raw:
        way = ProxyAddress(kind, "127.0.0.1", raw.port, "user", "word")
        error = failure(OutgoingSession(proxy=way), "https://provider.test/secret")
    assert time.monotonic() - started < 4
    assert (error.unknown, error.permanent) == (False, False)
    assert "secret" not in error.message
    assert "word" not in error.message


def test_a_proxys_address_is_whole_for_requests_and_hidden_for_people() -> None:
    way = ProxyAddress("socks5", "2001:db8::1", 1080, "us er", "p@ss:w/rd")
    assert proxy_url(way) == "socks5h://us%20er:p%40ss%3Aw%2Frd@[2001:db8::1]:1080"
    assert "p@ss" not in repr(way)
    assert proxy_url(ProxyAddress("socks4", "a", 1)) == "socks4a://a:1"
    assert proxy_url(ProxyAddress("http", "a", 1)) == "http://a:1"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@host.test:8443/bot1:T/x?key=v#f", "https://host.test:8443"),
        ("https://host.test/x", "https://host.test"),
        ("https://[x", "?"),
        ("https://host:port/x", "?"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert address_shown(url) == shown


def test_a_connection_used_twice_is_watched_twice() -> None:
    # urllib3 keeps connections; its pool tells nobody that one is used again.
    with WebhookFake() as server, OutgoingSession(seconds=5) as session:
        server.answers.append((200, b"{}", {"Connection": "keep-alive"}))
        session.call("POST", server.base)
        session.call("POST", server.base)
        assert len(server.received) == 2


def test_the_library_below_logs_no_addresses(
    server: WebhookFake, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), OutgoingSession() as session:
        session.call("POST", f"{server.base}/secret-in-the-path")
    assert "secret-in-the-path" not in caplog.text


def test_the_answer_is_requests_own(server: WebhookFake) -> None:
    server.answers.append((200, {"a": "中"}))
    with OutgoingSession() as session:
        answer = session.call("POST", server.base)
    assert isinstance(answer, requests.Response)
    assert answer.json() == {"a": "中"}
    assert answer.ok
