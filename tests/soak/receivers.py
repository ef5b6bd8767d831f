"""Where notifications go: a webhook's receiver with bad moments, and the mailbox."""

from __future__ import annotations

from collections import Counter
from email import message_from_bytes
from email.errors import MessageError
from typing import TYPE_CHECKING

from tests.notifications.fakes.http import Answer, HttpFake, Received

if TYPE_CHECKING:
    from pathlib import Path

OK: Answer = (204, b"")
FAULTS: dict[str, Answer] = {
    "500": (500, {"error": "out of order"}),
    "429": (429, {"error": "slow down"}, {"Retry-After": "3"}),
}


class HookReceiver(HttpFake):
    """Counts what it has accepted, by the number of the notification.

    ``fault`` is "" or a key of FAULTS; ``hold`` takes requests and answers none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fault = ""
        self.accepted: Counter[int] = Counter()
        self.refused = 0

    def reply(self, request: Received) -> Answer:
        """Accept a notification, unless this is a bad moment."""
        # Nobody reads them here, and a long run would keep them all.
        self.received.clear()
        if self.fault:
            self.refused += 1
            return FAULTS[self.fault]
        if number := request.headers.get("x-btcw-notification"):
            self.accepted[int(number)] += 1
        return OK


class Mailbox:
    """Counts the mails in the folder of the mail catcher, which forgets the oldest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()
        self.accepted: Counter[str] = Counter()

    def look(self) -> None:
        """Read what is new in the folder."""
        for path in sorted(self._folder.glob("*.eml")):
            if path.name in self._seen:
                continue
            self._seen.add(path.name)
            try:
                mail = message_from_bytes(path.read_bytes())
            except (OSError, MessageError):
                continue
            self.accepted[str(mail["Message-ID"])] += 1
