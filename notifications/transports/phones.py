"""What the providers of text messages have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btc_watcher.lib.outgoing import OutgoingSession
    from notifications.transports.base import Field, Outgoing, Receipt

# Providers refuse links, and people should not follow one out of a text message.
LINK: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE
)
IP: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?:/\S*)?")
DOMAIN_DOT: Final = re.compile(r"(?<=[A-Za-z0-9-])\.(?=[A-Za-z]{2,})")
BRACKETS: Final = str.maketrans("【】", "[]")


class Provider(ABC):
    """Sends one text to one phone at a time, so that each has its own outcome."""

    secret: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]

    @classmethod
    @abstractmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """Read a channel's configuration; ConfigurationError names the key."""

    @abstractmethod
    def send(
        self, session: OutgoingSession, secret: str, number: str, message: Outgoing
    ) -> Receipt:
        """Send to one number, or raise TransportError."""


def one_line(text: str) -> str:
    """Return ``text`` as a text message may carry it: one line without addresses."""
    text = IP.sub(" ", LINK.sub(" ", text))
    return " ".join(DOMAIN_DOT.sub(" ", text).translate(BRACKETS).split())
