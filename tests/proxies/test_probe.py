"""One test of a proxy: real traffic, and the cause of every failure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from btc_watcher.lib.sockets import ProxyAddress
from proxies.probe import FAILURES, SENTENCES, ProbeResult, exit_address, probe
from proxies.rules import HealthRules
from proxies.words import FAILURE_WORDS
from tests.notifications.fakes import ProxyFake, RawServer
from tests.proxies.fakes import ScriptedServer, TlsServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proxies.fakes import TargetFake

KINDS = ["http", "socks4", "socks5"]
RULES = HealthRules(timeout_seconds=2)
GREETED = b"\x05\x00"


def through(
    kind: str, port: int, url: str, username: str = "", password: str = ""
) -> ProbeResult:
    address = ProxyAddress(kind, "127.0.0.1", port, username, password)
    return probe(address, url, RULES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_proxy_carries_the_request_and_tells_its_exit_address(
    kind: str, between: ProxyFake, target: TargetFake, url: str
) -> None:
    result = through(kind, between.port, url)
    assert (result.success, result.failure, result.status) == (True, "", 200)
    assert result.exit_address == "203.0.113.7"
    assert result.latency_ms is not None
    assert 0 <= result.latency_ms < 2000
    # All of it went through the proxy, and what is shown has no path.
    assert (between.kinds, len(target.received)) == ([kind], 1)
    assert result.target == url.removesuffix("/ip")


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_the_login_is_used(kind: str, between: ProxyFake, url: str) -> None:
    between.password = "p@ss:w/rd %"
    assert through(kind, between.port, url, "user", between.password).success


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("password", ["wrong-password", ""])
def test_a_wrong_password_is_told_and_not_shown(
    kind: str, scheme: str, password: str, between: ProxyFake, url: str
) -> None:
    between.password = "right-password"
    asked = url.replace("http:", f"{scheme}:")
    login = ("user", password) if password else ("", "")
    result = through(kind, between.port, asked, *login)
    assert result.failure == "authentication"
    assert "wrong-password" not in repr(result)
    assert not between.targets


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_listens_there(
    kind: str, dead_port: int, target: TargetFake, url: str
) -> None:
    result = through(kind, dead_port, target.base)
    assert (result.failure, result.latency_ms) == ("refused", None)
    assert f"{kind}://127.0.0.1:{dead_port}" in result.message
    # The target could have been reached directly, and was not.
    assert not target.received


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_accepts_and_never_answers_ends_by_its_own_time(
    kind: str, scheme: str
) -> None:
    started = time.monotonic()
    with RawServer("silent") as silent:
        address = ProxyAddress(kind, "127.0.0.1", silent.port)
        rules = HealthRules(timeout_seconds=1)
        result = probe(address, f"{scheme}://target.test/", rules)
    assert result.failure == "timeout"
    assert "within 1 seconds" in result.message
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_drip_does_not_outlive_the_test(kind: str) -> None:
    started = time.monotonic()
    with RawServer("drip_body") as drip:
        address = ProxyAddress(kind, "127.0.0.1", drip.port)
        result = probe(address, "http://target.test/", HealthRules(timeout_seconds=1))
    assert not result.success
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_without_an_address_is_told(kind: str) -> None:
    address = ProxyAddress(kind, "no-such-host.invalid", 1080)
    result = probe(address, "http://target.test/", RULES)
    assert result.failure == "dns"
    assert "no-such-host.invalid" in result.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_nobody_trusts_is_told(
    kind: str, between: ProxyFake, tmp_path: Path
) -> None:
    with TlsServer(tmp_path) as server:
        result = through(kind, between.port, f"https://target.test:{server.port}/")
    assert result.failure == "tls"
    assert len(between.targets) == 1


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (403, "geo_block"),
        (451, "geo_block"),
        (500, "status"),
        (302, "status"),
        (429, "status"),
    ],
)
def test_what_the_target_answers_is_told_apart(
    status: int, failure: str, between: ProxyFake, target: TargetFake, url: str
) -> None:
    target.answers.append((status, {}))
    result = through("socks5", between.port, url)
    assert (result.failure, result.status) == (failure, status)
    assert f"target.test answered {status}" in result.message


def test_an_expected_status_is_a_success_whatever_it_is(
    between: ProxyFake, target: TargetFake, url: str
) -> None:
    target.answers.append((403, b""))
    address = ProxyAddress("http", "127.0.0.1", between.port)
    rules = HealthRules(timeout_seconds=2, expected_status=(403,))
    assert probe(address, url, rules).success


@pytest.mark.parametrize(
    ("kind", "answers", "failure"),
    [
        # General failure, not allowed, network, host, port, type of address.
        ("socks5", (GREETED, b"\x05\x01\x00\x01" + b"\0" * 6), "proxy_error"),
        ("socks5", (GREETED, b"\x05\x02\x00\x01" + b"\0" * 6), "proxy_error"),
        ("socks5", (GREETED, b"\x05\x03\x00\x01" + b"\0" * 6), "unreachable"),
        ("socks5", (GREETED, b"\x05\x04\x00\x01" + b"\0" * 6), "unreachable"),
        ("socks5", (GREETED, b"\x05\x05\x00\x01" + b"\0" * 6), "unreachable"),
        ("socks5", (b"\x05\xff",), "authentication"),
        ("socks5", (b"HTTP/1.1 400 Bad Request\r\n\r\n",), "proxy_error"),
        ("socks5", (GREETED,), "proxy_error"),
        ("socks4", (b"\0\x5b" + b"\0" * 6,), "proxy_error"),
        ("socks4", (b"\0\x5d" + b"\0" * 6,), "authentication"),
        ("socks4", (), "proxy_error"),
        ("http", (b"\x05\x00",), "proxy_error"),
        ("http", (), "proxy_error"),
    ],
)
def test_what_a_proxy_refuses_is_told_apart(
    kind: str, answers: tuple[bytes, ...], failure: str
) -> None:
    with ScriptedServer(*answers) as server:
        result = through(kind, server.port, "http://target.test/")
    assert result.failure == failure


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (b"407 Proxy Authentication Required", "authentication"),
        (b"502 Bad Gateway", "unreachable"),
        (b"504 Gateway Timeout", "unreachable"),
        (b"403 Forbidden", "proxy_error"),
    ],
)
def test_a_refused_tunnel_is_told_apart(status: bytes, failure: str) -> None:
    with ScriptedServer(b"HTTP/1.1 " + status + b"\r\n\r\n") as server:
        result = through("http", server.port, "https://target.test/")
    assert result.failure == failure


def test_a_proxy_that_dies_in_the_middle_is_a_broken_one(
    target: TargetFake, url: str
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"
    with ScriptedServer(GREETED, b"\x05\x00\x00\x01" + b"\0" * 6, head) as server:
        result = through("socks5", server.port, "http://target.test/")
    assert result.failure == "proxy_error"


@pytest.mark.parametrize(
    ("body", "address"),
    [
        (b'{"ip": "203.0.113.9"}', "203.0.113.9"),
        (b'{"origin": "10.0.0.1, 203.0.113.9"}', "203.0.113.9"),
        (b'{"query": "2001:db8::1", "country": "x"}', "2001:db8::1"),
        (b"203.0.113.9\n", "203.0.113.9"),
        (b"{}", ""),
        (b"[]", ""),
        (b'{"ip": 7}', ""),
        (b"<html>203.0.113.9</html>", ""),
        (b"\xff\xfe", ""),
        (b"1" * 5000, ""),
    ],
)
def test_the_exit_address_is_read_where_it_is_told(body: bytes, address: str) -> None:
    answer = requests.Response()
    answer._content = body
    assert exit_address(answer) == address


def test_every_failure_has_words() -> None:
    assert set(FAILURES) == set(SENTENCES) == set(FAILURE_WORDS)
