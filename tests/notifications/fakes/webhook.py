"""A receiver of webhooks that checks who calls."""

from __future__ import annotations

import hashlib
import hmac
import time

from tests.notifications.fakes.http import Answer, HttpFake, Received


class WebhookFake(HttpFake):
    """``taken`` are the JSON values that came with a right signature."""

    def __init__(self) -> None:
        super().__init__()
        self.secret = ""
        self.authorization = ""
        self.taken: list[object] = []

    @property
    def url(self) -> str:
        """The receiver's address, with a token as many have."""
        return f"{self.base}/hooks/T0123456789/a-token-in-the-path"

    def busy(self) -> Answer:
        """Ask for patience."""
        return 429, {"error": "slow down"}, {"Retry-After": "9"}

    def reply(self, request: Received) -> Answer:
        """Check the signature and take the body."""
        stamp = request.headers.get("x-btcw-timestamp", "0")
        signed = f"{stamp}.".encode() + request.body
        mac = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        right = request.headers.get("x-btcw-signature") == f"sha256={mac}"
        if self.secret and (not right or abs(time.time() - int(stamp)) > 300):
            return 401, {"error": "bad signature"}
        if request.headers.get("authorization", "") != self.authorization:
            return 403, {"error": "forbidden"}
        self.taken.append(request.json)
        return 204, b""
