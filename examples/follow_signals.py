"""Follow the signals of BTC Watcher from a program, and post one; Python's own library.

    python examples/follow_signals.py http://127.0.0.1:8000 --token-file token.txt
    python examples/follow_signals.py http://127.0.0.1:8000 --token-file token.txt \
        --post '{"strategy": "mine", "pair": "BTC/USDT", "exchange": "binance",
                 "timeframe": "5m", "type": "BUY", "price": 63210.5, "strength": 91,
                 "timestamp": "2026-11-23T10:00:00Z"}'

Make a token with the scope read (and write, to post) in your settings, and put it into a
file that only you may read: in an argument everybody on the machine could see it. Every
event is a line of JSON. After a break it goes on where it was, and misses nothing.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

# A comment comes every 15 seconds, so who hears nothing for longer is alone.
SILENCE_SECONDS = 40
WAIT_SECONDS = 3


class Watcher:
    """The API of one BTC Watcher, as the owner of a token."""

    def __init__(self, url: str, token: str) -> None:
        self._parts = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}

    def post(self, signal: dict[str, Any]) -> dict[str, Any]:
        """Record a signal; sent again after a broken connection, it is stored once."""
        headers = self._headers | {
            "Content-Type": "application/json",
            "Idempotency-Key": uuid.uuid4().hex,
        }
        for attempt in (1, 2, 3):
            try:
                return self._posted(json.dumps(signal), headers)
            except (OSError, http.client.HTTPException):
                if attempt == 3:
                    raise
                time.sleep(WAIT_SECONDS)
        raise AssertionError

    def follow(self) -> Iterator[dict[str, Any]]:
        """Give the events that arrive, for ever; ``reload`` means that some were lost."""
        last = ""
        while True:
            try:
                for identifier, event in self._stream(last):
                    last = identifier or last
                    yield event
            except (OSError, http.client.HTTPException) as error:
                sys.stderr.write(f"The connection broke ({error}); trying again.\n")
            time.sleep(WAIT_SECONDS)

    def _posted(self, body: str, headers: dict[str, str]) -> dict[str, Any]:
        connection = self._connection()
        connection.request("POST", "/api/v1/signals/", body, headers)
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
        if answer.status >= 400:
            raise SystemExit(f"Refused: {found['detail']} {found.get('errors', '')}")
        return found

    def _stream(self, last: str) -> Iterator[tuple[str, dict[str, Any]]]:
        headers = self._headers | {"Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        connection = self._connection()
        connection.request("GET", "/api/v1/stream/", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"Refused: {json.loads(answer.read())['detail']}")
        identifier = ""
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                identifier = value
            elif name == "data":
                yield identifier, json.loads(value)["event"]

    def _connection(self) -> http.client.HTTPConnection:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(self._parts.netloc, timeout=SILENCE_SECONDS)


def main() -> None:
    """Read the arguments; post, or follow until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Follow the signals of BTC Watcher.")
    parser.add_argument("url", help="such as http://127.0.0.1:8000")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--post", metavar="JSON", help="a signal to post")
    given = parser.parse_args()
    watcher = Watcher(given.url, given.token_file.read_text(encoding="ascii").strip())
    if given.post:
        sys.stdout.write(f"{json.dumps(watcher.post(json.loads(given.post)))}\n")
        return
    for event in watcher.follow():
        sys.stdout.write(f"{json.dumps(event, ensure_ascii=False)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
