"""Secrets of channels: read for sending, and kept out of everything that is shown."""

from __future__ import annotations

import base64
import json
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from btc_watcher.lib.encryption import is_token, key_ring
from btc_watcher.lib.errors import EncryptionError
from notifications.messages import storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notifications.models import NotificationChannel

DETAIL_LENGTH: Final = 1_000
# A secret of one or two characters cannot be masked without masking everything.
SHORTEST_SECRET: Final = 3
# Shorter parts of an address are words such as "hook" or "v2".
SHORTEST_PART: Final = 8
MASK: Final = "***"


def secret_identity(channel_id: int, field: str) -> str:
    """Return what a channel's secret is bound to (see btc_watcher.lib.encryption)."""
    return f"notification_channels:{channel_id}:{field}"


def secrets_read(
    channel: NotificationChannel, fields: tuple[str, ...]
) -> dict[str, str]:
    """Return the decrypted secrets that ``channel`` has, by their key.

    Raises EncryptionError when one is not readable.
    """
    found: dict[str, str] = {}
    for field in fields:
        token = channel.config.get(field)
        if token in (None, ""):
            continue
        if not is_token(token):
            raise EncryptionError(
                f"The secret {field!r} is stored without encryption."
                " Enter it again in the channel's form."
            )
        found[field] = key_ring().decrypt(token, secret_identity(channel.id, field))
    return found


def masked(text: str, secrets: Mapping[str, str]) -> str:
    """Return ``text`` without the secrets, and as the history can keep it."""
    text = storable(text)
    hidden = {form for secret in secrets.values() for form in _forms(secret)}
    # The longest first: a whole address before a part of it.
    for form in sorted(hidden, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text[:DETAIL_LENGTH]


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a secret may be written, each long enough to mask."""
    for plain in (secret, *_parts(secret)):
        if len(plain) < SHORTEST_SECRET:
            continue
        yield plain
        yield quote(plain, safe="")
        yield quote_plus(plain)
        yield base64.b64encode(plain.encode()).decode()
        yield escape(plain)
        yield json.dumps(plain)[1:-1]


def _parts(secret: str) -> Iterator[str]:
    """Yield what is secret in an address: logins, tokens in its path and its query."""
    if "://" not in secret:
        return
    try:
        parts = urlsplit(secret)
        values = [value for _key, value in parse_qsl(parts.query)]
    except ValueError:
        return
    login, _at, _host = parts.netloc.rpartition("@")
    found = [*login.split(":"), *parts.path.split("/"), *values]
    # Services of apprise keep a token where the host stands.
    if parts.scheme not in ("http", "https"):
        found.append(parts.netloc.rpartition("@")[2])
    for part in found:
        if len(part) >= SHORTEST_PART or part in login.split(":"):
            yield part
            yield unquote(part)
