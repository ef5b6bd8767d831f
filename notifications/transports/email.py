"""Email by SMTP. Configuration: host, port, security (none, starttls, tls), username,
password (secret), from, to (a list), picture, timeout (seconds for one answer).

The Message-ID of a notification never changes, so a mail that was sent twice because
its outcome was lost can be told by it, and many mail programs show it once.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.mime.image import MIMEImage
from email.utils import getaddresses, parseaddr
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.policy import SEND_SECONDS
from notifications.transports.base import PICTURE, Field, Outgoing, Receipt, Transport
from notifications.transports.reading import (
    bounded_number,
    listed,
    one_of,
    required_text,
)
from notifications.transports.smtp import Backend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.mail import EmailMessage

    from btc_watcher.lib.sockets import ProxyAddress

PORTS: Final = {"none": 25, "starttls": 587, "tls": 465}
TIMEOUT: Final = 15.0
PICTURE_ID: Final = "chart"


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
        security = one_of(config, "security", PORTS, "starttls")
        username = str(config.get("username") or "")
        if username and not config.get("password"):
            raise ConfigurationError(
                str(_("There is a 'username' but no 'password'; set both or none."))
            )
        return cls(
            host=_host(required_text(config, "host", "smtp.example.org")),
            port=int(bounded_number(config, "port", PORTS[security], (1, 65535))),
            security=security,
            username=username,
            sender=_address(
                required_text(config, "from", "alerts@example.org"), "from"
            ),
            recipients=tuple(
                dict.fromkeys(
                    _address(each, "to")
                    for each in listed(config, "to", str(_("email addresses")))
                )
            ),
            timeout=bounded_number(config, "timeout", TIMEOUT, (1, SEND_SECONDS)),
        )


def _host(text: str) -> str:
    # A proxy is asked for it by a line of text.
    if not text.isprintable() or " " in text:
        raise ConfigurationError(
            _("'host' is %(value)r; use a name such as smtp.example.org.")
            % {"value": text}
        )
    return text


def _address(text: str, key: str) -> str:
    try:
        # A line break would begin another header, a comma another address.
        found = getaddresses([text]) if text.isprintable() else []
        validate_email(found[0][1] if len(found) == 1 else "")
    except ValidationError:
        raise ConfigurationError(
            _("%(key)r holds %(value)r, which is not one email address.")
            % {"key": key, "value": text}
        ) from None
    return text


class EmailTransport(Transport):
    """Hands a mail to an SMTP server; its answer to DATA is the receipt."""

    type: ClassVar[str] = "email"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="host",
            label=_("Mail server"),
            help=_("Its name, such as smtp.example.org."),
            required=True,
            destination=True,
        ),
        Field(
            name="security",
            label=_("Encryption"),
            default="starttls",
            destination=True,
            choices=(("starttls", "STARTTLS"), ("tls", "TLS"), ("none", _("none"))),
        ),
        Field(
            name="port",
            label=_("Port"),
            help=_("Empty: 587 with STARTTLS, 465 with TLS, else 25."),
            kind="number",
            destination=True,
        ),
        Field(name="username", label=_("User name")),
        Field(
            name="password",
            label=_("Password"),
            help=_("Many providers want one made for this purpose."),
            secret=True,
        ),
        Field(
            name="from",
            label=_("Sender"),
            help=_("An address, also as Name <address>."),
            required=True,
        ),
        Field(
            name="to",
            label=_("Recipients"),
            help=_("One a line."),
            kind="list",
            required=True,
        ),
        PICTURE,
        Field(
            name="timeout",
            label=_("Time-out"),
            help=_("Seconds for one answer of the server."),
            kind="number",
            default=TIMEOUT,
        ),
    )
    # Providers document from 300 (Outlook) and 500 (Gmail) recipients a day upwards.
    default_limits: ClassVar[Mapping[str, int]] = {"minute": 60, "day": 280}
    pictures: ClassVar[bool] = True
    deadline: ClassVar[float] = SEND_SECONDS

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        EmailConfig.read(config)

    def destination(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Return the server; without a port it is that of the encryption."""
        found = super().destination(config)
        usual = str(PORTS.get(found["security"], ""))
        return found | {
            "host": found["host"].lower(),
            "port": found["port"] or usual,
        }

    def deliver(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        message: Outgoing,
        proxy: ProxyAddress | None = None,
    ) -> Receipt:
        """Send to everybody, or to those who are left of an earlier attempt."""
        email = EmailConfig.read(config)
        password = secrets.get("password", "")
        if not (email.username + password).isascii():
            raise TransportError(
                "'username' or 'password' holds a letter outside ASCII, which an SMTP"
                " login cannot carry. Change it at the mail server.",
                permanent=True,
                disables=True,
            )
        backend = Backend(
            deadline=self.deadline,
            proxy=proxy,
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
                    f"{where} did not finish within {self.deadline:g} seconds.",
                    unknown=backend.unknown,
                ) from None
            told = _explained(error, where)
            # An answer is an answer; without one the mail may be there.
            told.unknown = backend.unknown and told.code is None
            raise told from None
        return Receipt(
            code=answer[0],
            detail=_words(answer),
            message_id=mail.extra_headers["Message-ID"],
            body=_words(answer),
            refused={who: _words(why) for who, why in refused.items()},
            left=tuple(who for who, (code, _text) in refused.items() if code < 500),
        )


class Mail(EmailMultiAlternatives):
    """A mail whose attachments belong to its HTML and are no files beside it."""

    mixed_subtype = "related"


def mail_build(email: EmailConfig, message: Outgoing) -> EmailMessage:
    """Return the mail: plain text, HTML beside it, and an id that repeats never change."""
    headers = {
        "Message-ID": message_id(message.id, email.sender),
        "Auto-Submitted": "auto-generated",
        "X-BTC-Watcher-Notification": str(message.id),
    }
    if message.priority == "P0":
        headers |= {"X-Priority": "1", "Importance": "high"}
    text, html = _bodies(message)
    mail = Mail(
        subject=message.head,
        body=text,
        from_email=email.sender,
        to=list(message.left or email.recipients),
        headers=headers,
    )
    mail.attach_alternative(html, "text/html")
    if message.picture:
        mail.attach(_inline(message.picture))
    return mail


def _inline(picture: bytes) -> MIMEImage:
    image = MIMEImage(picture, "png")
    image.add_header("Content-ID", f"<{PICTURE_ID}>")
    image.add_header("Content-Disposition", "inline", filename="chart.png")
    return image


def _bodies(message: Outgoing) -> tuple[str, str]:
    """Return the plain text and the HTML, in the language of the receiver."""
    language = message.language or translation.get_language() or settings.LANGUAGE_CODE
    context = {"message": message, "picture": message.picture and PICTURE_ID}
    with translation.override(language):
        return (
            render_to_string("notifications/email.txt", context),
            render_to_string("notifications/email.html", context),
        )


def message_id(notification_id: int, sender: str) -> str:
    """Return the Message-ID of a notification, the same for every attempt."""
    digest = salted_hmac("notifications.email", str(notification_id)).hexdigest()[:16]
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return f"<notification-{notification_id}-{digest}@{domain}>"


def _words(answer: tuple[int, bytes | str]) -> str:
    code, text = answer
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {words.strip()}"


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
                body=told,
            )
        case smtplib.SMTPAuthenticationError(smtp_code=code, smtp_error=text):
            return TransportError(
                f"{where} refused the user name and password ({code})."
                " Check 'username' and 'password'.",
                permanent=code >= 500,
                disables=code >= 500,
                code=code,
                body=_words((code, text)),
            )
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=text):
            return TransportError(
                f"{where} answered {_words((code, text))}",
                permanent=code >= 500,
                code=code,
                body=_words((code, text)),
            )
        case smtplib.SMTPNotSupportedError():
            return TransportError(
                f"{where} lacks what the channel asks for: {error}"
                " Check 'security' and 'username'.",
                permanent=True,
                disables=True,
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
