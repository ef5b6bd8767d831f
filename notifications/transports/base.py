"""What every transport is: checks a configuration, sends, and never tells a secret."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from btc_watcher.lib.encryption import is_token, key_ring
from btc_watcher.lib.errors import ConfigurationError, EncryptionError, TransportError
from notifications.messages import storable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notifications.models import NotificationChannel

DETAIL_LENGTH = 1_000
# A secret of one or two characters cannot be masked without masking everything.
SHORTEST_SECRET = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A notification on its way: the row of the history as transports see it.

    ``left`` are the recipients to try again when a provider took the message for
    only some of them; empty means everybody whom the channel names.
    """

    id: int
    title: str
    body: str
    priority: str
    message_type: str
    queued_at: datetime
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider took the message: its code, its words and its message id.

    ``refused`` are recipients it did not take, with the reason; ``left`` those
    among them for whom it wants to be asked again.
    """

    code: int | None
    detail: str
    message_id: str = ""
    refused: Mapping[str, str] | None = None
    left: tuple[str, ...] = ()


class Transport(ABC):
    """Talks to one kind of provider."""

    type: ClassVar[str]
    secret_fields: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key.

        Secrets are looked at for presence only: they may be encrypted.
        """

    @abstractmethod
    def deliver(
        self, config: Mapping[str, Any], secrets: Mapping[str, str], message: Outgoing
    ) -> Receipt:
        """Send ``message`` within ``policy.SEND_SECONDS``, or raise TransportError."""

    def send(self, channel: NotificationChannel, message: Outgoing) -> Receipt:
        """Send through ``channel``; TransportError says what is wrong, without secrets.

        A configuration that cannot work is a permanent error.
        """
        try:
            self.check(channel.config)
            secrets = secrets_read(channel, self.secret_fields)
        except (ConfigurationError, EncryptionError) as error:
            raise TransportError(
                f"Channel {channel.name!r} cannot send. {error.message}", permanent=True
            ) from None
        try:
            receipt = self.deliver(channel.config, secrets, message)
        # "from None": a provider's own error may repeat what we sent.
        except TransportError as error:
            raise TransportError(
                masked(error.message, secrets),
                permanent=error.permanent,
                code=error.code,
                retry_after=error.retry_after,
            ) from None
        refused = {
            who: masked(why, secrets) for who, why in (receipt.refused or {}).items()
        }
        return replace(
            receipt,
            detail=masked(receipt.detail, secrets),
            message_id=masked(receipt.message_id, secrets),
            refused=refused,
        )


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
    for secret in secrets.values():
        if len(secret) < SHORTEST_SECRET:
            continue
        encoded = base64.b64encode(secret.encode()).decode()
        for form in (secret, quote(secret, safe=""), encoded):
            text = text.replace(form, "***")
    return text[:DETAIL_LENGTH]


def required_text(config: Mapping[str, Any], key: str, example: str) -> str:
    """Return the text under ``key``; ConfigurationError when there is none."""
    value = config.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(
            f"The configuration has no {key!r}; set it, for example to {example!r}."
        )
    return value.strip()


def bounded_number(
    config: Mapping[str, Any], key: str, default: float, limits: tuple[float, float]
) -> float:
    """Return the number under ``key`` or ``default``; ConfigurationError names it."""
    value = config.get(key, default)
    low, high = limits
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"{key!r} is {value!r}, but it must be a number.")
    if not low <= value <= high:
        raise ConfigurationError(
            f"{key!r} is {value}, but it must be from {low:g} to {high:g}."
        )
    return value
