"""Fan-out through the web process that is really used, to sockets that are really slow."""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.conf import settings
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from accounts.facts import RequestFacts
from accounts.models import User, UserSession
from accounts.services import session_revoke, token_create
from signals_app.feed import cursor_now, publish, publisher
from signals_app.feed.subscription import QUEUE_LENGTH
from tests.e2e.system import WebServer, environment, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import redis
    from websockets.sync.client import ClientConnection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
PATIENCE = 60
MB = 1_000_000
PADDING = "signals look much like one another " * 40
# More than all the queues and the kernel's buffers hold, but not more than the stream.
ROUND, ROUNDS = 1_000, 16
DEAF = 25


@pytest.fixture(scope="module")
def running(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WebServer]:
    """One web process for all tests: starting one costs more than what they do with it."""
    home = tmp_path_factory.mktemp("home")
    with django_db_blocker.unblock():
        variables = environment(home, settings.REDIS_URL)
    server = WebServer(variables, home.with_suffix(".log")).start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher._missed, "events", False)


@pytest.fixture
def token() -> str:
    user = User.objects.create_user("integrator", "secret-word")
    facts = RequestFacts("127.0.0.1", "tests")
    return token_create(user=user, facts=facts, days=1)[1]


def events(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"type": "delivered", "number": number, "padding": PADDING}
        for number in range(first, first + count)
    ]


def page(web: WebServer, token: str, **options: Any) -> ClientConnection:
    """Connect as a program does, from the feed's present end."""
    client: ClientConnection = connect(
        f"ws://127.0.0.1:{web.port}/ws/signals/?after={cursor_now()}",
        additional_headers={"Authorization": f"Bearer {token}"},
        max_queue=None,
        proxy=None,
        **options,
    )
    return client


def numbers(client: ClientConnection, count: int) -> list[Any]:
    found = []
    for _ in range(count):
        event = json.loads(client.recv(PATIENCE))["event"]
        assert event.get("padding", PADDING) == PADDING
        found.append(event.get("number", event["type"]))
    return found


class Deaf:
    """A client that connects, asks for no compression, and reads when it is told to."""

    def __init__(self, web: WebServer, token: str) -> None:
        self.socket = socket.socket()
        # The kernel would take megabytes in for it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", web.port))
        lines = [
            f"GET /ws/signals/?after={cursor_now()} HTTP/1.1",
            f"Host: 127.0.0.1:{web.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Authorization: Bearer {token}",
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1)
        assert b" 101 " in head, head

    def read_until(self, words: bytes) -> int:
        """Read until the words come; return how many bytes came before them."""
        count, end = 0, b""
        while words not in end:
            some = self.socket.recv(65536)
            assert some, f"The server hung up before it said {words!r}."
            count += len(some)
            end = end[-len(words) :] + some
        return count

    def hang_up(self) -> None:
        self.socket.close()

    def vanish(self, abruptly: bool) -> None:
        """End the connection without a word, as a closed laptop or a killed browser does."""
        if abruptly:
            linger = struct.pack("ii", 1, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()


@pytest.fixture
def deaf(running: WebServer, token: str) -> Iterator[list[Deaf]]:
    """Clients that read nothing yet."""
    clients = [Deaf(running, token) for _ in range(DEAF)]
    yield clients
    for client in clients:
        client.hang_up()


def connections(web: WebServer) -> int:
    """Return how many are connected to the web process."""
    found = psutil.Process(web.pid).net_connections("tcp")
    return sum(
        each.status == psutil.CONN_ESTABLISHED and each.laddr.port == web.port
        for each in found
    )


def test_everybody_gets_the_same_however_it_is_compressed(
    running: WebServer, token: str
) -> None:
    offers: list[dict[str, Any]] = [
        {"compression": None},
        # As browsers do.
        {},
        # Who forgets what it has read, and who remembers too little.
        {
            "extensions": [
                ClientPerMessageDeflateFactory(server_no_context_takeover=True)
            ]
        },
        {"extensions": [ClientPerMessageDeflateFactory(server_max_window_bits=9)]},
    ]
    with ExitStack() as stack:
        clients = [
            stack.enter_context(page(running, token, **offer)) for offer in offers
        ]
        publish(events(0, 3))
        for client in clients:
            assert numbers(client, 3) == [0, 1, 2]
        publish(events(3, 2_000))
        for client in clients:
            assert numbers(client, 2_000) == list(range(3, 2_003))


def seconds_a_round(fast: ClientConnection, rounds: Sequence[int]) -> float:
    """Publish rounds of events, and return the median time until ``fast`` has one."""
    times = []
    for number in rounds:
        first = number * ROUND
        started = time.perf_counter()
        publish(events(first, ROUND))
        assert numbers(fast, ROUND) == list(range(first, first + ROUND))
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def test_pages_that_stop_reading_slow_nobody_cost_little_and_load_anew(
    running: WebServer, token: str, request: pytest.FixtureRequest
) -> None:
    process = psutil.Process(running.pid)
    assert ROUND * ROUNDS > 1.5 * QUEUE_LENGTH
    with page(running, token, compression=None) as fast:
        alone = seconds_a_round(fast, range(5))
        deaf: list[Deaf] = request.getfixturevalue("deaf")
        before = process.memory_info().rss
        beside = seconds_a_round(fast, range(5, 5 + ROUNDS))
        grown = process.memory_info().rss - before

        # All that was sent to them would be more than ten times as much.
        assert grown < 60 * MB < DEAF * ROUND * ROUNDS * len(PADDING) / 5
        assert beside < 3 * alone + 0.5

        read = deaf[0].read_until(b'"type":"reload"')
        assert read < ROUND * ROUNDS * len(PADDING)
        publish([{"type": "delivered", "number": "after"}])
        deaf[0].read_until(b'"number":"after"')
        assert numbers(fast, 1) == ["after"]


def publish_one_by_one(count: int) -> None:
    for number in range(count):
        publish([{"type": "delivered", "number": number}])


@pytest.mark.parametrize("abruptly", [False, True], ids=["end", "reset"])
def test_pages_that_vanish_while_events_are_handed_out_disturb_nobody(
    running: WebServer, deaf: list[Deaf], token: str, abruptly: bool
) -> None:
    each = 2 * ROUND // DEAF
    with page(running, token, compression=None) as fast, ThreadPoolExecutor(1) as pool:
        publish([{"type": "delivered", "number": "first"}])
        for client in deaf:
            client.read_until(b'"number":"first"')
        assert numbers(fast, 1) == ["first"]
        publishing = pool.submit(publish_one_by_one, DEAF * each)
        for turn, client in enumerate(deaf):
            expected = list(range(turn * each, turn * each + each))
            assert numbers(fast, each) == expected
            client.vanish(abruptly)
        publishing.result()
        until(lambda: connections(running) == 1, "the end of those who vanished", 10)
        publish([{"type": "delivered", "number": "last"}])
        assert numbers(fast, 1) == ["last"]
    assert "handler is closed" not in running.log()


def test_a_page_that_stops_reading_is_hung_up_on_when_its_login_ends(
    running: WebServer, deaf: list[Deaf], token: str
) -> None:
    with page(running, token, compression=None) as fast:
        seconds_a_round(fast, range(ROUNDS // 2))
        assert connections(running) == len(deaf) + 1

        session_revoke(session_id=UserSession.objects.get().pk)

        until(lambda: connections(running) == 0, "the end of all connections", 10)


def test_who_answers_no_ping_is_hung_up_on_though_something_waits_for_it(
    tmp_path: Path, token: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    options = ("--ws-ping-interval", "2", "--ws-ping-timeout", "2")
    variables = environment(home, settings.REDIS_URL)
    web = WebServer(variables, tmp_path / "web.log", *options).start()
    try:
        client = Deaf(web, token)
        publish(events(0, 4 * ROUND))
        assert connections(web) == 1
        until(lambda: connections(web) == 0, "the end of the connection", 30)
        client.hang_up()
    finally:
        web.stop()
