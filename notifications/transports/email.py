"""Email by SMTP. Configuration: host, port, security (none, starttls, tls), username,
password (secret), from, to (a list), timeout (seconds for one answer)."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.utils.crypto import salted_hmac

from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.policy import SEND_SECONDS
from notifications.transports.base import (
    Outgoing,
    Receipt,
    Transport,
    bounded_number,
    required_text,
)
from notifications.transports.smtp import Answer, Backend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.mail import EmailMessage

PORTS: Final = {"none": 25, "starttls": 587, "tls": 465}
TIMEOUT: Final = 15.0


@dataclass(frozen=True, slots=True)
class EmailConfig:
    """The configuration of a channel after its check."""

    host: str
    port: int
    security: str
    username: str
    sender: str
    recipients: tuple[str, ...]
    timeout: float

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> EmailConfig:
        """Read a channel's configuration; ConfigurationError names the key."""
        security = config.get("security", "starttls")
        if security not in PORTS:
            raise ConfigurationError(
                f"'security' is {security!r}; use one of {', '.join(PORTS)}."
            )
        username = str(config.get("username") or "")
        if username and not config.get("password"):
            raise ConfigurationError(
                "The configuration has a 'username' but no 'password'; set both or none."
            )
        return cls(
            host=required_text(config, "host", "smtp.example.org"),
            port=int(bounded_number(config, "port", PORTS[security], (1, 65535))),
            security=security,
            username=username,
            sender=_address(
                required_text(config, "from", "alerts@example.org"), "from"
            ),
            recipients=_recipients(config.get("to")),
            timeout=bounded_number(config, "timeout", TIMEOUT, (1, SEND_SECONDS)),
        )


def _recipients(value: object) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not listed:
        raise ConfigurationError(
            "The configuration has no 'to'; set it to a list of addresses."
        )
    return tuple(dict.fromkeys(_address(str(item).strip(), "to") for item in listed))


def _address(text: str, key: str) -> str:
    try:
        # A line break would begin another header.
        validate_email(parseaddr(text)[1] if text.isprintable() else "")
    except ValidationError:
        raise ConfigurationError(
            f"{key!r} holds {text!r}, which is not an email address."
        ) from None
    return text


class EmailTransport(Transport):
    """Hands a mail to an SMTP server; its answer to DATA is the receipt."""

    type: ClassVar[str] = "email"
    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    deadline: ClassVar[float] = SEND_SECONDS

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        EmailConfig.read(config)

    def deliver(
        self, config: Mapping[str, Any], secrets: Mapping[str, str], message: Outgoing
    ) -> Receipt:
        """Send to everybody, or to those who are left of an earlier attempt."""
        email = EmailConfig.read(config)
        password = secrets.get("password", "")
        if not (email.username + password).isascii():
            raise TransportError(
                "'username' or 'password' holds a letter outside ASCII, which an SMTP"
                " login cannot carry. Change it at the mail server.",
                permanent=True,
            )
        backend = Backend(
            deadline=self.deadline,
            host=email.host,
            port=email.port,
            username=email.username,
            password=password,
            use_tls=email.security == "starttls",
            use_ssl=email.security == "tls",
            timeout=email.timeout,
        )
        mail = mail_build(email, message)
        where = f"{email.host}:{email.port}"
        try:
            answer, refused = backend.deliver(mail)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            if backend.overdue:
                raise TransportError(
                    f"{where} did not finish within {self.deadline:g} seconds."
                ) from None
            raise _explained(error, where) from None
        return Receipt(
            code=answer[0],
            detail=_words(answer),
            message_id=mail.extra_headers["Message-ID"],
            refused={who: _words(why) for who, why in refused.items()},
            left=tuple(who for who, (code, _text) in refused.items() if code < 500),
        )


def mail_build(email: EmailConfig, message: Outgoing) -> EmailMessage:
    """Return the mail: plain text, HTML beside it, and an id that repeats never change."""
    context = {"message": message}
    headers = {
        "Message-ID": message_id(message.id, email.sender),
        "Auto-Submitted": "auto-generated",
        "X-BTC-Watcher-Notification": str(message.id),
    }
    if message.priority == "P0":
        headers |= {"X-Priority": "1", "Importance": "high"}
    mail = EmailMultiAlternatives(
        subject=f"[{message.priority}] {message.title}",
        body=render_to_string("notifications/email.txt", context),
        from_email=email.sender,
        to=list(message.left or email.recipients),
        headers=headers,
    )
    mail.attach_alternative(
        render_to_string("notifications/email.html", context), "text/html"
    )
    return mail


def message_id(notification_id: int, sender: str) -> str:
    """Return the Message-ID of a notification, the same for every attempt."""
    digest = salted_hmac("notifications.email", str(notification_id)).hexdigest()[:16]
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return f"<notification-{notification_id}-{digest}@{domain}>"


def _words(answer: Answer) -> str:
    code, text = answer
    return f"{code} {text.decode(errors='replace').strip()}"


def _explained(error: Exception, where: str) -> TransportError:
    """Return the TransportError for what smtplib raised."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            told = "; ".join(
                f"{who}: {_words(a)}" for who, a in error.recipients.items()
            )
            codes = [code for code, _text in error.recipients.values()]
            return TransportError(
                f"{where} refused every recipient. {told}",
                permanent=all(code >= 500 for code in codes),
                code=max(codes),
            )
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return TransportError(
                f"{where} refused the user name and password ({code})."
                " Check 'username' and 'password'.",
                permanent=code >= 500,
                code=code,
            )
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=text):
            words = text.decode(errors="replace") if isinstance(text, bytes) else text
            return TransportError(
                f"{where} answered {code} {words}", permanent=code >= 500, code=code
            )
        case smtplib.SMTPNotSupportedError():
            return TransportError(
                f"{where} lacks what the channel asks for: {error}"
                " Check 'security' and 'username'.",
                permanent=True,
            )
        case _:
            return _unreachable(error, where)


def _unreachable(error: Exception, where: str) -> TransportError:
    match error:
        case ssl.SSLCertVerificationError():
            problem = (
                f"The certificate of {where} is not trusted: {error.verify_message}."
            )
        case TimeoutError():
            problem = f"{where} did not answer in time."
        case smtplib.SMTPServerDisconnected():
            problem = f"{where} closed the connection before it accepted the mail."
        case _:
            problem = f"No connection to {where}: {type(error).__name__}."
    return TransportError(f"{problem} Check 'host', 'port' and 'security'.")
