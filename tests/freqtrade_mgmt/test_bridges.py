"""The bridge between bots and proxies, with real processes and a counting proxy."""

from __future__ import annotations

import asyncio
import http.server
import os
import signal
import stat
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy

from btc_watcher.lib.sockets import ProxyAddress
from freqtrade_mgmt.supervisor.bridges import Bridges, bridge_needed
from freqtrade_mgmt.supervisor.processes import free_port
from tests.notifications.fakes.proxies import ProxyFake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

BODY = b"a" * 200_000


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers everything with a long text."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def target() -> Iterator[int]:
    """The port of a server that is to be reached."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def between() -> Iterator[ProxyFake]:
    """A proxy that knows the exchange's name, and nobody else does."""
    with ProxyFake() as fake:
        fake.hosts["exchange.test"] = "127.0.0.1"
        yield fake


@pytest.fixture
async def bridges(tmp_path: Path) -> AsyncIterator[Bridges]:
    """All bridges, ended after the test."""
    made = Bridges(tmp_path / "run" / "bridges.json")
    yield made
    await made.close()


async def fetch(way: ProxyAddress, port: int, host: str = "exchange.test") -> bytes:
    """Ask for a page through a proxy, as a bot does."""
    proxy = Proxy(
        ProxyType.SOCKS5,
        way.host,
        way.port,
        username=way.username or None,
        password=way.password or None,
        rdns=True,
    )
    sock = await proxy.connect(host, port, timeout=20)
    reader, writer = await asyncio.open_connection(sock=sock)
    writer.write(b"GET / HTTP/1.0\r\nHost: exchange.test\r\n\r\n")
    await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]


async def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize(
    ("kind", "password"),
    [("socks4", ""), ("http", ""), ("http", "p:ö/ @%"), ("socks5", "p:w/ @%")],
)
async def test_every_kind_of_proxy_is_crossed_and_looks_up_the_name(
    bridges: Bridges, between: ProxyFake, target: int, kind: str, password: str
) -> None:
    between.password = password
    name = "user" if password else ""
    upstream = ProxyAddress(kind, "127.0.0.1", between.port, name, password)

    way = await bridges.open("1:aa", upstream)

    assert await fetch(way, target) == BODY
    assert between.kinds == [kind]
    assert between.targets == [f"exchange.test:{target}"]


async def test_a_stranger_without_its_password_is_not_carried(
    bridges: Bridges, between: ProxyFake, target: int
) -> None:
    upstream = ProxyAddress("socks4", "127.0.0.1", between.port)
    way = await bridges.open("1:aa", upstream)
    for name, word in (("bot", "guess"), ("", ""), ("other", way.password)):
        stranger = ProxyAddress("socks5", way.host, way.port, name, word)
        with pytest.raises(ProxyError):
            await fetch(stranger, target)
    assert between.targets == []


async def test_a_bridge_that_is_killed_is_replaced_behind_its_port(
    bridges: Bridges, between: ProxyFake, target: int
) -> None:
    upstream = ProxyAddress("socks4", "127.0.0.1", between.port)
    way = await bridges.open("1:aa", upstream)
    assert await fetch(way, target) == BODY
    (pid,) = bridges.pids().values()

    os.kill(pid, signal.SIGKILL)

    # Nobody is refused meanwhile: the connection waits for the next process.
    assert await fetch(way, target) == BODY
    assert await until(bridges.pids) != {"1:aa": pid}
    assert len(between.targets) == 2
    assert await bridges.open("1:aa", upstream) == way


async def test_a_proxy_that_is_dead_is_never_gone_around(
    bridges: Bridges, target: int
) -> None:
    upstream = ProxyAddress("socks4", "127.0.0.1", free_port())
    way = await bridges.open("1:aa", upstream)
    with pytest.raises(ProxyError):
        await fetch(way, target, "127.0.0.1")
    assert await until(lambda: bridges.failure("1:aa")) == "refused"


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_wrong_password_is_named(
    bridges: Bridges, between: ProxyFake, target: int, kind: str
) -> None:
    between.password = "right"
    upstream = ProxyAddress(kind, "127.0.0.1", between.port, "user", "wrong-one")
    way = await bridges.open("1:aa", upstream)
    with pytest.raises(ProxyError):
        await fetch(way, target)
    assert await until(lambda: bridges.failure("1:aa")) == "authentication"

    between.password = "wrong-one"
    assert await fetch(way, target) == BODY
    assert await until(lambda: not bridges.failure("1:aa")) is True


async def test_bots_that_outlive_a_supervisor_find_their_bridge_again(
    between: ProxyFake, target: int, tmp_path: Path
) -> None:
    kept = tmp_path / "run" / "bridges.json"
    upstream = ProxyAddress("socks4", "127.0.0.1", between.port)
    first = Bridges(kept)
    way = await first.open("1:aa", upstream)
    pids = list((await until(first.pids)).values())
    await first.close()
    assert not any(map(psutil.pid_exists, pids))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    second = Bridges(kept)
    try:
        assert await second.reopen("1:aa", upstream)
        assert await fetch(way, target) == BODY
        # One whose port is not known cannot be found again.
        assert not await second.reopen("2:bb", upstream)
        assert not second.serves("2:bb")
    finally:
        await second.close()


async def test_every_bridge_of_an_earlier_supervisor_is_found_again(
    between: ProxyFake, tmp_path: Path
) -> None:
    kept = tmp_path / "run" / "bridges.json"
    upstream = ProxyAddress("socks4", "127.0.0.1", between.port)
    first = Bridges(kept)
    ways = {key: await first.open(key, upstream) for key in ("1:aa", "2:bb", "3:cc")}
    await first.close()

    second = Bridges(kept)
    try:
        assert await second.reopen("1:aa", upstream)
        assert await second.reopen("2:bb", upstream)
        assert await second.open("2:bb", upstream) == ways["2:bb"]
        # The third one's bot has ended meanwhile.
        await second.keep({"1:aa", "2:bb"})
        assert "3:cc" not in kept.read_text()
    finally:
        await second.close()


async def test_a_bridge_that_nobody_needs_is_ended(
    bridges: Bridges, between: ProxyFake, tmp_path: Path
) -> None:
    upstream = ProxyAddress("socks4", "127.0.0.1", between.port)
    await bridges.open("1:aa", upstream)
    await bridges.open("2:bb", upstream)
    pids = await until(lambda: len(bridges.pids()) == 2 and bridges.pids())

    await bridges.keep({"2:bb"})

    assert bridges.pids().keys() == {"2:bb"}
    assert not psutil.pid_exists(pids["1:aa"])
    assert bridges.serves("")
    assert not bridges.serves("1:aa")
    assert "1:aa" not in (tmp_path / "run" / "bridges.json").read_text()


async def test_a_bridge_that_carries_something_ends_with_whoever_started_it_too(
    bridges: Bridges, between: ProxyFake, target: int
) -> None:
    upstream = ProxyAddress("socks4", "127.0.0.1", between.port)
    way = await bridges.open("1:aa", upstream)
    pids = await until(bridges.pids)
    process = psutil.Process(pids["1:aa"])
    proxy = Proxy(
        ProxyType.SOCKS5,
        way.host,
        way.port,
        username=way.username,
        password=way.password,
        rdns=True,
    )
    with await proxy.connect("exchange.test", target, timeout=20):
        child = bridges._bridges["1:aa"].child
        assert child is not None
        assert child.stdin is not None
        child.stdin.close()
        await until(lambda: not process.is_running() or process.status() == "zombie")


async def test_a_bridge_shows_no_secret_and_ends_with_whoever_started_it(
    bridges: Bridges, between: ProxyFake
) -> None:
    upstream = ProxyAddress("http", "127.0.0.1", between.port, "user", "proxy-password")
    way = await bridges.open("1:aa", upstream)
    pids = await until(bridges.pids)
    process = psutil.Process(pids["1:aa"])
    shown = " ".join(process.cmdline()) + str(process.environ())
    assert "proxy-password" not in shown
    assert way.password not in shown

    child = bridges._bridges["1:aa"].child
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()
    # As when we are killed: its input ends.
    await until(lambda: not process.is_running() or process.status() == "zombie")


@pytest.mark.parametrize(
    ("proxy", "needed"),
    [
        (ProxyAddress("http", "h", 1), False),
        (ProxyAddress("socks5", "h", 1), False),
        (ProxyAddress("socks4", "h", 1), True),
        (ProxyAddress("http", "h", 1, "user"), True),
        (ProxyAddress("socks5", "h", 1, "user", "password"), True),
    ],
)
def test_what_freqtrade_cannot_or_may_not_know_needs_a_bridge(
    proxy: ProxyAddress, needed: bool
) -> None:
    assert bridge_needed(proxy) is needed
