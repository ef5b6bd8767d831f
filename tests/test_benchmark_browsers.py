"""The browsers of the benchmarks: what they count, and that nobody is left out of it."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from btc_watcher.lib.shared_frames import SharedFrames
from signals_app.consumers import HEARTBEAT
from signals_app.feed.frames import RELOAD_TEXT, STALLED_TEXT
from tests.benchmarks import close_browsers
from tests.benchmarks.closing import Published, close_of
from tests.benchmarks.fanout_client import Crowd, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.fanout_client import Address

SIGNAL = '{"cursor":"1-%d","event":{"type":"signal","signal":{"id":"a"}}}'
SIGNALS = [SIGNAL % number for number in range(6)]


@contextlib.contextmanager
def server(clients: int, frames: bytes, *, deflate: bool) -> Iterator[int]:
    """Accept WebSockets that are sent the same bytes; yield the port."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        contextlib.ExitStack() as s,
    ):

        def serve() -> None:
            for _ in range(clients):
                connection, _address = listening.accept()
                s.enter_context(connection)
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(4096)
                extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                head = f"HTTP/1.1 101 Ok\r\n{extension if deflate else ''}\r\n"
                # With the answer, as a server that has something to say at once.
                connection.sendall(head.encode() + frames)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join(10)


def address(port: int, clients: int, *, deflate: bool) -> Address:
    return {
        "port": port,
        "path": "/",
        "headers": {"Cookie": base64.b64encode(b"x").decode()},
        "heartbeat": HEARTBEAT,
        "deflate": deflate,
        "clients": clients,
    }


@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("part", [1, 7, 100_000])
def test_notices_are_told_from_events_however_they_are_packed(
    part: int, *, deflate: bool
) -> None:
    shared = SharedFrames([*SIGNALS, RELOAD_TEXT, HEARTBEAT, STALLED_TEXT, SIGNALS[0]])
    data = shared.deflated if deflate else shared.plain
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = Reader(ours)
        for start in range(0, len(data), part):
            reader.take(data[start : start + part])
    assert (reader.events, reader.notices) == (7, 2)


def test_a_ping_is_answered_and_is_no_event() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = Reader(ours)
        reader.take(b"\x89\x02ab")
        assert theirs.recv(100) == b"\x8a\x82\0\0\0\0ab"
        assert (reader.events, reader.notices) == (0, 0)
        with pytest.raises(ConnectionError):
            reader.take(b"\x88\x00")


@pytest.mark.parametrize("deflate", [True, False])
def test_the_first_client_of_a_fan_out_sees_that_events_were_lost(
    *, deflate: bool
) -> None:
    shared = SharedFrames([*SIGNALS, RELOAD_TEXT])
    frames = shared.deflated if deflate else shared.plain
    with server(2, frames, deflate=deflate) as port:
        crowd = Crowd(address(port, 2, deflate=deflate))
        while not crowd.clients[0].notices:
            for key, _events in crowd.selector.select(5):
                crowd._read(key.data)
        assert crowd.clients[0].events == len(SIGNALS)
        crowd.selector.close()
        for client in crowd.clients:
            client.socket.close()


@pytest.mark.parametrize(("wanted", "missing"), [(6, 0), (7, -1)])
def test_a_candle_close_counts_what_the_first_browser_read(
    monkeypatch: pytest.MonkeyPatch, wanted: int, missing: int
) -> None:
    monkeypatch.setattr(close_browsers, "PATIENCE", 0.7)
    frames = SharedFrames([HEARTBEAT, RELOAD_TEXT, *SIGNALS]).deflated
    with server(2, frames, deflate=True) as port:
        crowd = close_browsers.Crowd(address(port, 2, deflate=True))
        found = crowd.follow(wanted)
        assert (found["missing"], found["notices"]) == (missing, 1)
        crowd.selector.close()
        for browser in crowd.browsers:
            browser.socket.close()


@pytest.mark.parametrize("missing", [-1, 3])
def test_a_close_that_did_not_reach_every_browser_is_no_result(missing: int) -> None:
    seen = {"missing": missing, "ended": 2.0, "notices": 0, "bytes": 1}
    with pytest.raises(RuntimeError, match="did not get every signal"):
        close_of((0.0, 1.0), Published(), seen, {}, {})
    whole = close_of((0.0, 1.0), Published(), seen | {"missing": 0}, {}, {})
    assert (whole.behind, whole.browsers) == (0, 2.0)
