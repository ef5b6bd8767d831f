"""What every fake that speaks HTTP is: a threaded server that keeps what it got."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

# Status, body (bytes as they are, else JSON), and headers when there are some.
Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class HttpFake(ABC):
    """Answers from ``answers`` in turn, then as the vendor would (``reply``).

    ``hold`` leaves requests without an answer. ``limit`` requests a minute are
    taken, then ``busy`` answers.
    """

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.received: list[Received] = []
        self.hold = False
        self.limit: int | None = None
        self._taken: deque[float] = deque()
        self._released = threading.Event()
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.take(self)

            do_POST = do_GET  # noqa: N815 - the server's name

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def base(self) -> str:
        """The address of the server, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @abstractmethod
    def reply(self, request: Received) -> Answer:
        """Return what the vendor answers to a request."""

    def busy(self) -> Answer:
        """Return what the vendor answers when there are too many requests."""
        return 429, {}

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """Record one request and answer it."""
        parts = urlsplit(handler.path)
        request = Received(
            method=handler.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={key.lower(): value for key, value in handler.headers.items()},
            body=handler.rfile.read(int(handler.headers.get("Content-Length", 0))),
        )
        with self._lock:
            self.received.append(request)
        if self.hold:
            self._released.wait(30)
            return
        with self._lock:
            answer = self.answers.popleft() if self.answers else self._answer(request)
        self._send(handler, *answer)

    def _answer(self, request: Received) -> Answer:
        now = time.monotonic()
        while self._taken and self._taken[0] < now - 60:
            self._taken.popleft()
        if self.limit is not None and len(self._taken) >= self.limit:
            return self.busy()
        self._taken.append(now)
        return self.reply(request)

    def _send(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        body: Any,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    def stop(self) -> None:
        """End the server and whatever it holds."""
        self._released.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def first_refusal(*checks: tuple[object, Answer]) -> Answer | None:
    """Return the answer of the first check that is true: its vendor's refusal."""
    return next((answer for wrong, answer in checks if wrong), None)
