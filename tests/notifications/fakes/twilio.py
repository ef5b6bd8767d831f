"""Twilio's Messages resource: basic auth, numbers, the length and the errors."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qsl

from tests.notifications.fakes.http import (
    Answer,
    HttpFake,
    Received,
    first_refusal,
)

NUMBER = re.compile(r"\+[1-9]\d{7,14}")


class TwilioFake(HttpFake):
    """``texts`` are (number, body) that went out; ``stopped`` do not want any."""

    def __init__(self) -> None:
        super().__init__()
        self.sid = "AC00000000000000000000000000000001"
        self.token = "twilio-auth-token-0123456789"
        self.sender = "+15005550006"
        self.stopped: set[str] = set()
        self.texts: list[tuple[str, str]] = []

    def busy(self) -> Answer:
        """Answer as above the requests that an account may make at a time."""
        return told(429, 20429, "Too Many Requests")

    def reply(self, request: Received) -> Answer:
        """Check a request as Twilio does, and send its text."""
        login = base64.b64encode(f"{self.sid}:{self.token}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return told(401, 20003, "Authenticate")
        if request.path != f"/2010-04-01/Accounts/{self.sid}/Messages.json":
            return told(404, 20404, "The requested resource was not found")
        form = dict(parse_qsl(request.body.decode()))
        return self._form(form) or self._sent(form)

    def _form(self, form: dict[str, str]) -> Answer | None:
        to, body, sender = form.get("To", ""), form.get("Body", ""), form.get("From")
        service = "MessagingServiceSid" in form
        return first_refusal(
            (
                sender != self.sender and not service,
                told(400, 21212, f"Invalid From Number (caller ID): {sender}"),
            ),
            (
                not NUMBER.fullmatch(to),
                told(400, 21211, f"Invalid 'To' Phone Number: {to}"),
            ),
            (
                to in self.stopped,
                told(400, 21610, "Attempt to send to unsubscribed recipient"),
            ),
            (not body, told(400, 21602, "Message body is required.")),
            (
                len(body) > 1600,
                told(400, 21617, "The concatenated message body exceeds the limit"),
            ),
        )

    def _sent(self, form: dict[str, str]) -> Answer:
        self.texts.append((form["To"], form["Body"]))
        sid = f"SM{len(self.texts):032d}"
        return 201, {
            "sid": sid,
            "status": "queued",
            "error_code": None,
            "to": form["To"],
        }


def told(status: int, code: int, message: str) -> Answer:
    """Return an error of Twilio."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return status, {
        "code": code,
        "message": message,
        "more_info": more,
        "status": status,
    }
