"""ntfy, one of the services that apprise reaches: topics, logins and limits."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.notifications.fakes.http import Answer, HttpFake, Received

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 8192


class NtfyFake(HttpFake):
    """``messages`` are what was published; with ``password`` a login is needed."""

    def __init__(self) -> None:
        super().__init__()
        self.password = ""
        self.messages: list[Mapping[str, Any]] = []

    @property
    def url(self) -> str:
        """The address for apprise."""
        login = f"watcher:{self.password}@" if self.password else ""
        host = self.base.partition("://")[2]
        return f"ntfy://{login}{host}/signals-topic-31415926"

    def busy(self) -> Answer:
        """Answer as above the messages of a visitor."""
        return 429, error(42901, 429, "limit reached: too many requests")

    def reply(self, request: Received) -> Answer:
        """Check a publication as ntfy does, and publish it."""
        login = base64.b64encode(f"watcher:{self.password}".encode()).decode()
        if self.password and request.headers.get("authorization") != f"Basic {login}":
            return 403, error(40301, 403, "forbidden")
        if topic := request.path.strip("/"):
            # A file: what is too long for a message.
            text = request.body.decode()
            return self._published({"topic": topic, "title": "", "message": text})
        body = request.json
        if not isinstance(body, dict) or not body.get("topic"):
            return 400, error(40002, 400, "invalid request: topic invalid")
        if len(request.body) > LONGEST:
            return 413, error(41303, 413, "message too large")
        return self._published(body)

    def _published(self, message: Mapping[str, Any]) -> Answer:
        self.messages.append(message)
        return 200, {"id": f"n{len(self.messages)}", "event": "message", **message}


def error(code: int, status: int, words: str) -> dict[str, Any]:
    """Return the body of an error of ntfy."""
    return {"code": code, "http": status, "error": words}
