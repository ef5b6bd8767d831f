"""Aliyun's SendSms: an approved template, its variables, and a signed request."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self
from urllib.parse import quote, urlsplit

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.transports.answers import PASSING, object_of, status_error, words
from notifications.transports.base import Field, Receipt
from notifications.transports.phones import Provider, one_line
from notifications.transports.reading import (
    base_address,
    bounded_number,
    required_text,
)
from notifications.transports.texts import cut, fill, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from btc_watcher.lib.outgoing import OutgoingSession
    from notifications.transports.base import Outgoing

API_BASE: Final = "https://dysmsapi.aliyuncs.com"
ALGORITHM: Final = "ACS3-HMAC-SHA256"
ACTION: Final = "SendSms"
VERSION: Final = "2017-05-25"
# Templates approved before 2023 take 20 characters in a variable, later ones 35.
LENGTHS: Final = (1, 35)
LENGTH: Final = 20
# A variable that is empty is refused.
MISSING: Final = "-"
ONLY: Final = ("provider", ("aliyun",))
# "Later" of a limit by its words, which tell a minute, an hour or a day.
WAITS: Final = (("分钟", 60.0), ("minute", 60.0), ("小时", 3600.0), ("hour", 3600.0))
DAY_WAIT: Final = 6 * 3600.0
LIMITS: Final = ("BUSINESS_LIMIT", "DAY_LIMIT", "MINUTE_LIMIT", "HOUR_LIMIT")
# A clock that is wrong is set right again; until then the message waits.
BUSY: Final = (
    "Throttling",
    "ServiceUnavailable",
    "InternalError",
    "InvalidTimeStamp",
    "isp.SYSTEM_ERROR",
)
# A beginning of a code: what to do. Every later message would fail as well.
CURES: Final = {
    "InvalidAccessKeyId": "Check 'access_key_id'.",
    "SignatureDoesNotMatch": "Check 'access_key_secret'.",
    "IncompleteSignature": "Check 'access_key_secret'.",
    "Forbidden": "Give the access key the right dysms:SendSms.",
    "NoPermission": "Give the access key the right dysms:SendSms.",
    "isp.RAM_PERMISSION": "Give the access key the right dysms:SendSms.",
    "isv.SMS_SIGN": "Check 'sign_name'.",
    "isv.SMS_TEMPLATE": "Check 'template_code'.",
    "isv.TEMPLATE": "Check that 'variables' are those of the template.",
    "isv.AMOUNT_NOT_ENOUGH": "Pay into the account.",
    "isv.OUT_OF_SERVICE": "Pay into the account.",
    "isv.ACCOUNT": "Check the account at Aliyun.",
    "isv.PRODUCT_UN": "Order the text message service at Aliyun.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliyun(Provider):
    """The configuration of a channel after its check, and the sending."""

    secret: ClassVar[str] = "access_key_secret"  # noqa: S105 - the name of a key
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="access_key_id",
            label=_("AccessKey ID"),
            help=_("Of a RAM user that may only send text messages."),
            required=True,
            only=ONLY,
        ),
        Field(
            name="access_key_secret",
            label=_("AccessKey secret"),
            secret=True,
            required=True,
            only=ONLY,
        ),
        Field(
            name="sign_name", label=_("Approved signature"), required=True, only=ONLY
        ),
        Field(
            name="template_code",
            label=_("Approved template"),
            help=_("Its code, such as SMS_123456789."),
            required=True,
            only=ONLY,
        ),
        Field(
            name="variables",
            label=_("Variables of the template"),
            help=_(
                "Their names and texts; a text may hold {title}, {pair}, {price}…"
                " An alert has only a {title}: untick alerts if the template has none."
            ),
            kind="object",
            only=ONLY,
        ),
        Field(
            name="variable_length",
            label=_("Longest variable"),
            help=_("Characters that the template takes: 20, newer ones 35."),
            kind="number",
            default=LENGTH,
            only=ONLY,
        ),
    )
    access_key_id: str
    sign_name: str
    template_code: str
    variables: Mapping[str, str]
    variable_length: int
    base: str

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """Read a channel's configuration; ConfigurationError names the key."""
        required_text(
            config, "access_key_secret", str(_("the secret of the access key"))
        )
        variables = config.get("variables") or {}
        if not isinstance(variables, dict) or not all(
            isinstance(each, str) for each in variables.values()
        ):
            raise ConfigurationError(
                _(
                    "'variables' is %(value)r; use an object of texts such as %(example)s."
                )
                % {
                    "value": variables,
                    "example": "{'pair': '{pair}', 'price': '{price}'}",
                }
            )
        length = bounded_number(config, "variable_length", LENGTH, LENGTHS)
        return cls(
            access_key_id=required_text(config, "access_key_id", "LTAI…"),
            sign_name=required_text(config, "sign_name", "BTC Watcher"),
            template_code=required_text(config, "template_code", "SMS_123456789"),
            variables=variables,
            variable_length=int(length),
            base=base_address(config, API_BASE),
        )

    def send(
        self, session: OutgoingSession, secret: str, number: str, message: Outgoing
    ) -> Receipt:
        """Send to one number; only ``Code`` OK is a receipt."""
        query = {
            "OutId": str(message.id),
            "PhoneNumbers": number,
            "SignName": self.sign_name,
            "TemplateCode": self.template_code,
        }
        if self.variables:
            query["TemplateParam"] = json.dumps(
                self.filled(message), ensure_ascii=False
            )
        headers = signed_headers(
            Call(host=urlsplit(self.base).netloc, query=query),
            self.access_key_id,
            secret,
            {
                "x-acs-date": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}",
                "x-acs-signature-nonce": secrets.token_hex(16),
            },
        )
        url = f"{self.base}/?{canonical_query(query)}"
        return _receipt(session.call("POST", url, headers=headers))

    def filled(self, message: Outgoing) -> dict[str, str]:
        """Return the variables, each one line, without addresses, and short enough."""
        values = values_of(message)
        return {
            name: cut(one_line(fill(text, values)) or MISSING, self.variable_length)
            for name, text in self.variables.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is signed of a request without a body."""

    host: str
    query: Mapping[str, str]
    action: str = ACTION
    version: str = VERSION


def canonical_query(query: Mapping[str, str]) -> str:
    """Return the query in the one order and escaping that are signed."""
    return "&".join(
        f"{quote(key, safe='~')}={quote(query[key], safe='~')}" for key in sorted(query)
    )


def signed_headers(
    call: Call, key_id: str, secret: str, once: Mapping[str, str]
) -> dict[str, str]:
    """Return the headers of a request; ``once`` are its date and its nonce."""
    headers = dict(once) | {
        "host": call.host,
        "x-acs-action": call.action,
        "x-acs-version": call.version,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (
            "POST",
            "/",
            canonical_query(call.query),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            headers["x-acs-content-sha256"],
        )
    )
    signed = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(secret.encode(), signed.encode(), "sha256").hex()
    return headers | {
        "accept": "application/json",
        "Authorization": (
            f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"
        ),
    }


def _receipt(response: requests.Response) -> Receipt:
    body = object_of(response)
    code, told = body.get("Code"), str(body.get("Message") or "no words")
    if not isinstance(code, str) or not code:
        raise status_error(response, "Aliyun", "Check 'api_base' and the proxy.")
    if code == "OK" and response.ok:
        return Receipt(
            code=response.status_code,
            detail=f"Code OK, {body.get('BizId')}",
            message_id=str(body.get("BizId") or ""),
            body=words(response),
        )
    status = response.status_code
    limited = any(each in code for each in LIMITS)
    busy = limited or code.startswith(BUSY) or status in PASSING
    cure = next((text for name, text in CURES.items() if code.startswith(name)), "")
    # Other codes (isp.) are the service's own trouble, and pass.
    lasting = bool(cure) or code.startswith("isv.") or 400 <= status < 500
    raise TransportError(
        f"Aliyun answered {code}: {told}. {cure}".strip(),
        permanent=lasting and not busy,
        disables=bool(cure) and not busy,
        code=status,
        retry_after=_wait(told) if limited else None,
        body=words(response),
    )


def _wait(told: str) -> float:
    return next((wait for word, wait in WAITS if word in told.lower()), DAY_WAIT)
