"""Any service that apprise knows. Configuration: url (secret), allow_private.

Discord, Slack, ntfy, DingTalk, Matrix, Gotify and a hundred others, each by one address
such as ``ntfys://host/topic`` or ``discord://id/token``. Addresses are as free as a
webhook's, so the same rule holds: public ones only, unless 'allow_private' is set.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.addresses import is_no_neighbour, is_public
from btc_watcher.lib.errors import TransportError
from notifications.transports.answers import (
    object_of,
    session_open,
    status_error,
    wait_of,
    words,
)
from notifications.transports.base import Field, Outgoing, Receipt, Transport
from notifications.transports.reading import required_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import requests

    from btc_watcher.lib.sockets import ProxyAddress
    from notifications.transports.apprise_bridge import Talk

SECONDS: Final = 45.0
# They act on this machine instead of telling anybody.
LOCAL: Final = frozenset(
    (
        "blink1",
        "dbus",
        "gio",
        "glib",
        "gnome",
        "kde",
        "macosx",
        "qt",
        "syslog",
        "windows",
    )
)
# Options that name a file of this machine.
FILES: Final = re.compile(r"template|keyfile|subfile|pgp|^file$", re.IGNORECASE)
# The address or its token is wrong, and stays so.
GONE: Final = (401, 403, 404, 410)


class AppriseTransport(Transport):
    """Sends by apprise; what the service answered decides, not its status alone."""

    type: ClassVar[str] = "apprise"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="url",
            label=_("Apprise address"),
            help=_("One address from apprise's documentation, such as discord://…"),
            secret=True,
            required=True,
        ),
        Field(
            name="allow_private",
            label=_("Private addresses allowed"),
            help=_("Needed for a receiver in your own network."),
            kind="boolean",
            default=False,
        ),
    )
    # Below the strictest that is documented: DingTalk's 20 a minute.
    default_limits: ClassVar[Mapping[str, int]] = {"second": 2, "minute": 18}
    deadline: ClassVar[float] = SECONDS

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        required_text(config, "url", "discord://webhook_id/webhook_token")

    def deliver(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        message: Outgoing,
        proxy: ProxyAddress | None = None,
    ) -> Receipt:
        """Send by the one service that the address names."""
        # Only who uses it pays for it: a quarter of a second and some memory.
        from notifications.transports import apprise_bridge  # noqa: PLC0415 - see above

        url = secrets["url"].strip()
        _check_url(url, apprise_bridge.options_of(url))
        allowed = is_no_neighbour if config.get("allow_private") is True else is_public
        with session_open(proxy, allowed) as session:
            talk = apprise_bridge.Talk(session)
            with apprise_bridge.talking(talk):
                sender, service = apprise_bridge.service_of(url, self.deadline)
                if not apprise_bridge.speaks_http(service):
                    _check_unwatched(config, proxy)
                body = message.body or message.title
                sent = apprise_bridge.notify(
                    sender, message.head, body, message.priority
                )
        name = str(service.service_name)
        if sent is None:
            raise TransportError(
                f"{name} did not finish within {self.deadline:.0f} seconds.",
                unknown=True,
            )
        return _outcome(name, talk, sent=sent)


def _check_unwatched(config: Mapping[str, Any], proxy: ProxyAddress | None) -> None:
    """Refuse a service whose connections are its own where that matters."""
    if proxy:
        problem = "so no proxy can carry it. Use a channel without a proxy."
    elif config.get("allow_private") is not True:
        problem = (
            "so nothing keeps it from private addresses."
            " Set 'allow_private' if the channel may go there."
        )
    else:
        return
    raise TransportError(
        f"This service does not speak HTTP, {problem}", permanent=True, disables=True
    )


def _check_url(url: str, options: Iterable[str]) -> None:
    scheme = url.partition("://")[0].lower()
    if scheme in LOCAL:
        problem = f"'{scheme}' would tell this machine and nobody else"
    elif named := [key for key in options if FILES.search(key)]:
        problem = f"the option {named[0]!r} names a file of this machine"
    else:
        return
    raise TransportError(
        f"'url' cannot be used: {problem}. Choose another address.",
        permanent=True,
        disables=True,
    )


def _outcome(name: str, talk: Talk, *, sent: bool) -> Receipt:
    """Return the receipt, or raise what is known about the failure."""
    last = talk.responses[-1] if talk.responses else None
    refused = last is not None and _says_no(last)
    if sent and not refused:
        code = last.status_code if last is not None else None
        return Receipt(
            code=code,
            detail=f"{name} took the message.",
            body=words(last) if last is not None else "",
        )
    if talk.problems and not sent:
        raise talk.problems[-1]
    raise _refusal(name, last, "; ".join(talk.logged))


def _says_no(response: requests.Response) -> bool:
    """Tell whether a body denies what its status says.

    DingTalk, WeCom and Slack answer 200 to what they do not take.
    """
    body = object_of(response)
    code = body.get("errcode")
    return (isinstance(code, int) and code != 0) or body.get("ok") is False


def _refusal(
    name: str, response: requests.Response | None, logged: str
) -> TransportError:
    if response is None:
        return TransportError(
            f"{name} did not take the message. {logged}".strip(), unknown=False
        )
    status = response.status_code
    if 200 <= status < 300:
        return TransportError(
            f"{name} answered {status}, and that it did not take the message. {logged}",
            code=status,
            retry_after=wait_of(response),
            body=words(response),
        )
    error = status_error(response, name, logged)
    facts = error.facts
    facts["disables"] = status in GONE
    return TransportError(error.message, **facts)
