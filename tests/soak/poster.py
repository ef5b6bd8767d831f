"""A program that posts signals: by the API, one or 600 at once, and to a signed webhook."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import requests

from tests.soak.posts import (
    API,
    BULK,
    BULK_SIGNALS,
    HOOK,
    PACE_SECONDS,
    Posts,
    Sent,
    way_of,
)
from tests.soak.strategies import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

AGAIN_SECONDS = 0.5
ANSWER_SECONDS = 15.0
# No fault keeps a post from being answered for so long; in the end nothing is wrong.
HANGS_SECONDS, HANGS_IN_CALM_SECONDS = 180.0, 60.0
STRENGTHS = (90, 60, 30)
# Of a bulk few are urgent, and told one by one; the others are told in digests.
URGENT_EVERY = 30
# Everything else is asked again: the system is away, or is too busy.
DONE = (200, 201)
REFUSED = (400, 401, 403, 404, 409, 422)


class Hook(NamedTuple):
    """An inbound webhook: the number of its strategy, and its secret."""

    number: int
    secret: str


class Poster(threading.Thread):
    """Posts one after the other, each until the answer is a yes, or for minutes."""

    def __init__(self, address: str, token: str, hook: Hook) -> None:
        super().__init__(name="poster", daemon=True)
        self.posts = Posts()
        self.attempts = 0
        self._address, self._token, self._hook = address, token, hook
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End; what is being posted may still be confirmed."""
        self._stopping.set()
        self.join(ANSWER_SECONDS + 5)

    def run(self) -> None:
        """Post until told to stop."""
        with requests.Session() as session:
            session.trust_env = False
            for number in itertools.count():
                self._post(session, number)
                if self._stopping.wait(PACE_SECONDS):
                    return

    def _post(self, session: requests.Session, number: int) -> None:
        way = way_of(number)
        moment = datetime.fromtimestamp(time.time(), UTC).isoformat()
        if way != BULK:
            signal = _single(number)
            body = json.dumps(_body(signal, moment, way)).encode()
            if (answer := self._insist(session, way, number, body)) is not None:
                self.posts.confirm(way, {str(answer["id"]): signal})
            return
        signals = bulk()
        body = json.dumps([_body(each, moment, API) for each in signals]).encode()
        first = self._insist(session, way, number, body)
        if first is None:
            return
        ids = [str(row.get("id")) for row in first["results"]]
        if first["refused"] or len(set(ids)) != len(signals):
            self.posts.refused.append(f"{first['refused']} of a bulk of {len(signals)}")
            return
        self.posts.confirm(way, dict(zip(ids, signals, strict=True)))
        # Who did not hear the answer posts again, and must change nothing.
        again = self._insist(session, way, number, body)
        if again is not None:
            same = [str(row.get("id")) for row in again["results"]] == ids
            if not same or again["duplicate"] != len(signals):
                self.posts.wrong.append(f"post {number} was stored again as others")

    def _insist(
        self, session: requests.Session, way: str, number: int, body: bytes
    ) -> dict[str, Any] | None:
        began, last = time.monotonic(), "nothing"
        while not self._stopping.is_set():
            self.attempts += 1
            try:
                answer = self._ask(session, way, body)
            except requests.RequestException as error:
                last = type(error).__name__
            else:
                last = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code in DONE:
                    found: dict[str, Any] = answer.json()
                    return found
                if answer.status_code in REFUSED:
                    self.posts.refused.append(last)
                    return None
            if time.monotonic() - began > HANGS_SECONDS:
                break
            self._stopping.wait(AGAIN_SECONDS)
        waited = time.monotonic() - began
        if waited > HANGS_IN_CALM_SECONDS:
            told = f"{number} by {way} in {waited:.0f} s, at last: {last}"
            self.posts.stuck.append(told)
        return None

    def _ask(
        self, session: requests.Session, way: str, body: bytes
    ) -> requests.Response:
        if way == HOOK:
            url = f"{self._address}/api/v1/hooks/{self._hook.number}/"
            mac = hmac.new(self._hook.secret.encode(), body, hashlib.sha256)
            headers = {"X-Signature": f"sha256={mac.hexdigest()}"}
        else:
            url = f"{self._address}/api/v1/signals/"
            headers = {"Authorization": f"Bearer {self._token}"}
        headers["Content-Type"] = "application/json"
        return session.post(url, data=body, headers=headers, timeout=ANSWER_SECONDS)


def bulk() -> list[Sent]:
    """Return the signals of one bulk, a pair each."""
    return [
        Sent(
            f"B{place}/USDT",
            ("BUY", "SELL")[place % 2],
            100.0 + place,
            STRENGTHS[1 + place % 2] if place % URGENT_EVERY else STRENGTHS[0],
        )
        for place in range(BULK_SIGNALS)
    ]


def _single(number: int) -> Sent:
    return Sent(
        f"P{number}/USDT",
        ("BUY", "SELL")[number % 2],
        100.0 + number,
        STRENGTHS[number % 3],
    )


def _body(signal: Sent, moment: str, way: str) -> Mapping[str, Any]:
    body = signal._asdict() | {
        "exchange": "binance",
        "timeframe": "5m",
        "timestamp": moment,
    }
    return body if way == HOOK else body | {"strategy": OUTSIDE}
