"""A JSON request to an address of one's own. Configuration: url (secret), secret (secret,
signs), authorization (secret, a header), body (JSON with placeholders), allow_private,
idempotent.

The signature is the HMAC-SHA256 of the timestamp, a dot and the body::

    X-BTCW-Timestamp: 1735689600
    X-BTCW-Signature: sha256=<hex>
    X-BTCW-Notification: <number, the same for every attempt>

Whoever may edit channels chooses the address, so a channel could be used to reach what
only this machine can reach. Therefore only public addresses are connected to, checked
when the connection is made. With 'allow_private' a channel may reach private networks
and this machine, but never link-local addresses, where clouds give credentials away.
Through a proxy the proxy looks names up: only addresses written as numbers are checked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.addresses import is_no_neighbour, is_public
from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.transports.answers import session_open, status_error, words
from notifications.transports.base import Field, Outgoing, Receipt, Transport
from notifications.transports.reading import required_text, secret_address
from notifications.transports.texts import fill_structure, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from btc_watcher.lib.sockets import ProxyAddress

EXAMPLE: Final = "https://example.org/hooks/…"
DEFAULT_BODY: Final = {
    "id": "{id}",
    "title": "{title}",
    "body": "{body}",
    "priority": "{priority}",
    "message_type": "{message_type}",
    "queued_at": "{queued_at}",
    "context": "{context}",
}
# Whoever answers so is not to be asked again.
GONE: Final = 410


class WebhookTransport(Transport):
    """Posts JSON; any status from 200 to 299 is a receipt."""

    type: ClassVar[str] = "webhook"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="url", label=_("Address"), secret=True, address=True, required=True),
        Field(
            name="secret",
            label=_("Signing secret"),
            help=_("Signs each request, so that the receiver knows whose it is."),
            secret=True,
        ),
        Field(
            name="authorization",
            label=_("Authorization header"),
            help=_("The whole value, such as Bearer abc."),
            secret=True,
        ),
        Field(
            name="body",
            label=_("Body"),
            help=_(
                "JSON whose texts may hold {title}, {body}, {priority} and the"
                " message's own keys, such as {pair}. Empty: all of them."
            ),
            kind="object",
        ),
        Field(
            name="allow_private",
            label=_("Private addresses allowed"),
            help=_("Needed for a receiver in your own network."),
            kind="boolean",
            default=False,
        ),
        Field(
            name="idempotent",
            label=_("Receiver knows repeats"),
            help=_("It ignores a number in X-BTCW-Notification that it has seen."),
            kind="boolean",
            default=False,
        ),
    )
    default_limits: ClassVar[Mapping[str, int]] = {"second": 10, "minute": 300}

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        required_text(config, "url", EXAMPLE)
        body = config.get("body")
        if body not in (None, "") and not isinstance(body, dict | list):
            raise ConfigurationError(
                _(
                    "'body' is %(value)r; use a JSON object such as %(example)s, or none."
                )
                % {"value": body, "example": '{"text": "{title}"}'}
            )

    def is_idempotent(self, config: Mapping[str, Any]) -> bool:
        """Tell what the operator says of the receiver."""
        return config.get("idempotent") is True

    def deliver(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        message: Outgoing,
        proxy: ProxyAddress | None = None,
    ) -> Receipt:
        """Post one request."""
        url = secret_address(secrets)
        structure = config.get("body") or DEFAULT_BODY
        data = json.dumps(
            fill_structure(structure, values_of(message)),
            ensure_ascii=False,
            default=str,
        ).encode()
        allowed = is_no_neighbour if config.get("allow_private") is True else is_public
        with session_open(proxy, allowed) as session:
            return _receipt(
                session.call(
                    "POST", url, data=data, headers=_headers(secrets, message, data)
                )
            )


def signature(secret: str, timestamp: int, data: bytes) -> str:
    """Return the value of X-BTCW-Signature."""
    signed = f"{timestamp}.".encode() + data
    return f"sha256={hmac.digest(secret.encode(), signed, hashlib.sha256).hex()}"


def _headers(
    secrets: Mapping[str, str], message: Outgoing, data: bytes
) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-BTCW-Notification": str(message.id),
    }
    if authorization := secrets.get("authorization"):
        if not (authorization.isascii() and authorization.isprintable()):
            raise TransportError(
                "'authorization' holds a letter that a header cannot carry."
                " Enter it again.",
                permanent=True,
                disables=True,
            )
        headers["Authorization"] = authorization
    if secret := secrets.get("secret"):
        timestamp = int(timezone.now().timestamp())
        headers["X-BTCW-Timestamp"] = str(timestamp)
        headers["X-BTCW-Signature"] = signature(secret, timestamp, data)
    return headers


def _receipt(response: requests.Response) -> Receipt:
    status = response.status_code
    if 200 <= status < 300:
        return Receipt(
            code=status, detail=f"The receiver answered {status}.", body=words(response)
        )
    hint = "Redirects are not followed: enter the new address." if status < 400 else ""
    error = status_error(response, "The receiver", hint)
    facts = error.facts
    facts["disables"] = status == GONE
    raise TransportError(error.message, **facts)
