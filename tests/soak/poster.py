"""A program that posts signals: by the API with a token, and to a signed webhook."""

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

from tests.soak.strategies import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

PACE_SECONDS = 3.0
AGAIN_SECONDS = 0.5
ANSWER_SECONDS = 15.0
STRENGTHS = (90, 60, 30)
# Everything else is asked again: the system is away, or is too busy.
DONE = (200, 201)
REFUSED = (400, 401, 403, 404, 409, 422)


class Hook(NamedTuple):
    """An inbound webhook: the number of its strategy, and its secret."""

    number: int
    secret: str


class Poster(threading.Thread):
    """Posts one signal after the other, each until the answer is a yes.

    ``confirmed`` are the ids that the system has said are stored, ``refused`` the
    answers that no patience mends.
    """

    def __init__(self, address: str, token: str, hook: Hook) -> None:
        super().__init__(name="poster", daemon=True)
        self.confirmed: list[str] = []
        self.refused: list[str] = []
        self.attempts = 0
        self._address, self._token, self._hook = address, token, hook
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End; the signal that is being posted may still be confirmed."""
        self._stopping.set()
        self.join(ANSWER_SECONDS + 5)

    def run(self) -> None:
        """Post until told to stop."""
        with requests.Session() as session:
            session.trust_env = False
            for number in itertools.count():
                self._insist(session, number)
                if self._stopping.wait(PACE_SECONDS):
                    return

    def _insist(self, session: requests.Session, number: int) -> None:
        body = json.dumps(self._signal(number)).encode()
        while not self._stopping.is_set():
            self.attempts += 1
            try:
                answer = self._post(session, number, body)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code in DONE:
                self.confirmed.append(str(answer.json()["id"]))
                return
            if answer is not None and answer.status_code in REFUSED:
                self.refused.append(f"{answer.status_code} {answer.text[:200]}")
                return
            self._stopping.wait(AGAIN_SECONDS)

    def _signal(self, number: int) -> Mapping[str, Any]:
        # Django's clock would need its settings, which are those of the system.
        moment = datetime.fromtimestamp(time.time(), UTC)
        signal: dict[str, Any] = {
            "pair": f"P{number}/USDT",
            "exchange": "binance",
            "timeframe": "5m",
            "type": ("BUY", "SELL")[number % 2],
            "price": 100 + number,
            "strength": STRENGTHS[number % 3],
            "timestamp": moment.isoformat(),
        }
        return signal if by_hook(number) else signal | {"strategy": OUTSIDE}

    def _post(
        self, session: requests.Session, number: int, body: bytes
    ) -> requests.Response:
        if by_hook(number):
            url = f"{self._address}/api/v1/hooks/{self._hook.number}/"
            mac = hmac.new(self._hook.secret.encode(), body, hashlib.sha256)
            headers = {"X-Signature": f"sha256={mac.hexdigest()}"}
        else:
            url = f"{self._address}/api/v1/signals/"
            headers = {"Authorization": f"Bearer {self._token}"}
        headers["Content-Type"] = "application/json"
        return session.post(url, data=body, headers=headers, timeout=ANSWER_SECONDS)


def by_hook(number: int) -> bool:
    """Tell whether a post goes to the webhook: every other one."""
    return number % 2 == 1
