"""Twilio's Messages resource: a free text to one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.transports.answers import (
    PASSING,
    object_of,
    status_error,
    wait_of,
    words,
)
from notifications.transports.base import Field, Receipt
from notifications.transports.phones import Provider, one_line
from notifications.transports.reading import (
    base_address,
    bounded_number,
    optional_text,
    required_text,
)
from notifications.transports.texts import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from btc_watcher.lib.outgoing import OutgoingSession
    from notifications.transports.base import Outgoing

API_BASE: Final = "https://api.twilio.com"
# Two parts of a message that is not of the GSM alphabet alone.
LENGTH: Final = 134
LENGTHS: Final = (20, 1600)
ONLY: Final = ("provider", ("twilio",))
# 20429: too many requests; 21611: the sender's queue is full; 63038: the account's
# messages of the day are used up.
BUSY: Final = (20429, 14107, 21611, 63038)
DAY_WAIT: Final = 6 * 3600.0
# Code: what to do. Every later message would fail as well.
CURES: Final = {
    20003: "Check 'account_sid' and 'auth_token'.",
    20404: "Check 'account_sid'.",
    20005: "The account is not active.",
    21212: "Check 'from'.",
    21603: "Set 'from' or 'messaging_service_sid'.",
    21606: "'from' is no number of this account that can send text messages.",
    21659: "'from' is no number of this account.",
    21701: "Check 'messaging_service_sid'.",
    21703: "The messaging service has no number to send from.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Twilio(Provider):
    """The configuration of a channel after its check, and the sending."""

    secret: ClassVar[str] = "auth_token"  # noqa: S105 - the name of a key
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="account_sid", label=_("Account SID"), required=True, only=ONLY),
        Field(
            name="auth_token",
            label=_("Auth token"),
            secret=True,
            required=True,
            only=ONLY,
        ),
        Field(
            name="from",
            label=_("Sender"),
            help=_("A number of the account; or use a messaging service."),
            only=ONLY,
        ),
        Field(
            name="messaging_service_sid", label=_("Messaging service SID"), only=ONLY
        ),
        Field(
            name="length",
            label=_("Longest text"),
            help=_("Characters; 70 are one message, further parts cost extra."),
            kind="number",
            default=LENGTH,
            only=ONLY,
        ),
    )
    account_sid: str
    sender: Mapping[str, str]
    length: int
    base: str

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """Read a channel's configuration; ConfigurationError names the key."""
        required_text(config, "auth_token", str(_("the token of the account")))
        service = optional_text(config, "messaging_service_sid")
        number = optional_text(config, "from")
        if not service and not number:
            raise ConfigurationError(
                str(
                    _(
                        "The configuration has no 'from', for example '+15005550006',"
                        " and no 'messaging_service_sid'; set one of them."
                    )
                )
            )
        return cls(
            account_sid=required_text(config, "account_sid", "AC…"),
            sender={"MessagingServiceSid": service} if service else {"From": number},
            length=int(bounded_number(config, "length", LENGTH, LENGTHS)),
            base=base_address(config, API_BASE),
        )

    def send(
        self, session: OutgoingSession, secret: str, number: str, message: Outgoing
    ) -> Receipt:
        """Send to one number; a body with the message's ``sid`` is a receipt."""
        account = quote(self.account_sid, safe="")
        text = one_line(
            f"{message.head}: {message.body}" if message.body else message.head
        )
        return _receipt(
            session.call(
                "POST",
                f"{self.base}/2010-04-01/Accounts/{account}/Messages.json",
                data={"To": number, "Body": cut(text, self.length), **self.sender},
                auth=(self.account_sid, secret),
            )
        )


def _receipt(response: requests.Response) -> Receipt:
    body = object_of(response)
    sid, status = body.get("sid"), response.status_code
    if response.ok and isinstance(sid, str) and sid and not body.get("error_code"):
        return Receipt(
            code=status,
            detail=f"{body.get('status')}, {sid}",
            message_id=sid,
            body=words(response),
        )
    code = body.get("code") or body.get("error_code")
    if not isinstance(code, int):
        raise status_error(response, "Twilio", "Check 'api_base' and the proxy.")
    busy = code in BUSY or status in PASSING or status >= 500
    wait = wait_of(response)
    raise TransportError(
        f"Twilio answered {status}, code {code}: {body.get('message') or 'no words'}."
        f" {CURES.get(code, '')}".strip(),
        permanent=not busy and not response.ok,
        disables=not busy and (code in CURES or status == 401),
        code=code,
        retry_after=DAY_WAIT if code == 63038 and wait is None else wait,
        body=words(response),
    )
