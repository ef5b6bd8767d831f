"""The demonstration's mail server: takes every mail on loopback and keeps it in files.

It shows a delivered notification to somebody who has no account anywhere. Only
``run_mailcatcher`` starts it, and only the demonstration's inbox reads it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils import timezone

from notifications.messages import storable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT: Final = 500
# Microseconds since 1970, then what keeps two mails of one moment apart.
NAME: Final = re.compile(r"(\d{16})-[0-9a-f]{8}\.eml")
# What Python's parser raises for broken headers, encodings and character sets.
BROKEN: Final = (MessageError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One mail in the folder; ``name`` is its file's."""

    name: str
    received_at: datetime
    sender: str
    recipients: str
    subject: str
    priority: str
    message_id: str
    text: str
    repeated: bool = False


def folder() -> Path:
    """Return where mails are kept, made when it is missing."""
    path = Path(settings.BTCW_HOME) / "demo-mail"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


class Catcher:
    """The handler of aiosmtpd: keeps each mail as a file of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store the mail, then accept it: what we said yes to is on disk."""
        del server, session
        name = mail_store(self.place, bytes(envelope.original_content or b""))
        return f"250 2.0.0 Ok: kept as {name}"


def mail_store(place: Path, content: bytes) -> str:
    """Write one mail and return its name; the oldest beyond the limit are removed."""
    moment = int(timezone.now().timestamp() * 1_000_000)
    name = f"{moment:016d}-{secrets.token_hex(4)}.eml"
    # Under another name until it is whole, so that nobody reads half a mail.
    part = place / f"{name}.part"
    part.touch(mode=0o600)
    part.write_bytes(content)
    part.rename(place / name)
    for old in sorted(_files(place), key=lambda path: path.name)[:-KEPT]:
        old.unlink(missing_ok=True)
    return name


def mails_newest(place: Path, limit: int = 50) -> list[CaughtMail]:
    """Return the newest mails, newest first; repeats of a Message-ID are marked."""
    mails = [mail for path in _newest(place, limit) if (mail := _read(path))]
    seen: set[str] = set()
    marked: list[CaughtMail] = []
    for mail in reversed(mails):
        marked.append(_marked(mail) if mail.message_id in seen else mail)
        seen.add(mail.message_id)
    return marked[::-1]


def _files(place: Path) -> Iterator[Path]:
    return (path for path in place.iterdir() if NAME.fullmatch(path.name))


def _newest(place: Path, limit: int) -> list[Path]:
    return sorted(_files(place), key=lambda path: path.name, reverse=True)[:limit]


def _read(path: Path) -> CaughtMail | None:
    try:
        mail = message_from_bytes(
            path.read_bytes(), EmailMessage, policy=policy.default
        )
    except FileNotFoundError:
        # Removed meanwhile, as the oldest.
        return None
    moment = int(path.name.partition("-")[0]) / 1_000_000
    return CaughtMail(
        name=path.name,
        received_at=datetime.fromtimestamp(moment, UTC),
        sender=_header(mail, "From"),
        recipients=_header(mail, "To"),
        subject=_header(mail, "Subject"),
        priority=_priority(_header(mail, "Subject")),
        message_id=_header(mail, "Message-ID"),
        text=_text(mail),
    )


def _marked(mail: CaughtMail) -> CaughtMail:
    return replace(mail, repeated=bool(mail.message_id))


def _header(mail: EmailMessage, name: str) -> str:
    try:
        text = str(mail.get(name, ""))
    except BROKEN:
        raw = (value for key, value in mail.raw_items() if key.lower() == name.lower())
        text = str(next(raw, ""))
    return storable(text)


def _priority(subject: str) -> str:
    found = re.match(r"\[(P[0-2])\]", subject)
    return found[1] if found else ""


def _text(mail: EmailMessage) -> str:
    part: Any = mail.get_body(("plain", "html"))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except BROKEN:
        text = str(part.get_payload())
    return storable(text).replace("\r\n", "\n").rstrip()
