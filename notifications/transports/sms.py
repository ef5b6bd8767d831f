"""Text messages to phones. Configuration: provider (aliyun, twilio), to (a list of
numbers), api_base, and the keys of the provider (see aliyun and twilio)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.transports.aliyun import Aliyun
from notifications.transports.answers import session_open
from notifications.transports.base import Field, Outgoing, Receipt, Transport
from notifications.transports.reading import listed, one_of
from notifications.transports.twilio import Twilio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btc_watcher.lib.sockets import ProxyAddress
    from notifications.transports.phones import Provider

PROVIDERS: Final[dict[str, type[Provider]]] = {"aliyun": Aliyun, "twilio": Twilio}
NUMBER: Final = re.compile(r"\+?[0-9]{5,16}")


class SmsTransport(Transport):
    """Sends to one phone after another; each has an outcome of its own."""

    type: ClassVar[str] = "sms"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="provider",
            label=_("Provider"),
            required=True,
            choices=(("aliyun", _("Aliyun")), ("twilio", "Twilio")),
        ),
        Field(
            name="to",
            label=_("Phones"),
            help=_("One a line, such as 13800138000 or +8613800138000."),
            kind="list",
            required=True,
        ),
        *(field for each in PROVIDERS.values() for field in each.fields),
        Field(
            name="api_base",
            destination=True,
            label=_("API address"),
            help=_("Only for another region of the provider."),
        ),
    )
    # Documented by Aliyun: 50 notices a day to a number. Each message costs money.
    default_limits: ClassVar[Mapping[str, int]] = {"minute": 5, "hour": 20, "day": 40}
    default_priorities: ClassVar[tuple[str, ...]] = ("P0",)

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        _provider(config)
        _numbers(config)

    def deliver(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        message: Outgoing,
        proxy: ProxyAddress | None = None,
    ) -> Receipt:
        """Send to everybody, or to those who are left of an earlier attempt."""
        provider = _provider(config)
        secret = secrets[provider.secret]
        if not secret.isascii():
            raise TransportError(
                f"{provider.secret!r} holds a letter that no key has. Copy it again.",
                permanent=True,
                disables=True,
            )
        taken: list[Receipt] = []
        failed: dict[str, TransportError] = {}
        with session_open(proxy) as session:
            for number in message.left or _numbers(config):
                try:
                    receipt = provider.send(session, secret, number, message)
                except TransportError as error:
                    failed[number] = error
                else:
                    taken.append(receipt)
        return _outcome(taken, failed, once=bool(config.get("at_most_once")))


def _outcome(
    taken: list[Receipt], failed: Mapping[str, TransportError], *, once: bool
) -> Receipt:
    """Return one receipt for all phones; TransportError when none took the message.

    With ``once`` a phone whose outcome is unknown is not asked again.
    """
    told = {number: error.message for number, error in failed.items()}
    if not taken:
        raise _refusal(failed)
    return Receipt(
        code=taken[0].code,
        detail="; ".join(each.detail for each in taken),
        message_id=",".join(each.message_id for each in taken),
        body="\n".join(each.body for each in taken),
        refused=told,
        left=tuple(
            number
            for number, error in failed.items()
            if not error.permanent and not (once and error.unknown)
        ),
    )


def _refusal(failed: Mapping[str, TransportError]) -> TransportError:
    errors = list(failed.values())
    waits = [each.retry_after for each in errors if each.retry_after is not None]
    return TransportError(
        "; ".join(f"{number}: {error.message}" for number, error in failed.items())
        if len(failed) > 1
        else errors[0].message,
        permanent=all(each.permanent for each in errors),
        disables=all(each.disables for each in errors),
        unknown=any(each.unknown for each in errors),
        code=errors[0].code,
        retry_after=max(waits, default=None),
        body="\n".join(each.body for each in errors if each.body),
    )


def _provider(config: Mapping[str, Any]) -> Provider:
    name = one_of(config, "provider", PROVIDERS, "")
    return PROVIDERS[name].read(config)


def _numbers(config: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = listed(config, "to", str(_("phone numbers")))
    numbers = tuple(dict.fromkeys(re.sub(r"[ ()-]", "", each) for each in numbers))
    for number in numbers:
        if not NUMBER.fullmatch(number):
            raise ConfigurationError(
                _(
                    "'to' holds %(number)r, which is no phone number such as"
                    " '13800138000' or '+8613800138000'."
                )
                % {"number": number}
            )
    return numbers
