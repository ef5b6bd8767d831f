"""What a failed test means and what to do about it, in the reader's language. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy

from proxies.probe import SENTENCES

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# The records hold English; what they name is found in them again.
PLACES: Final = re.compile(r"\\\{(\w+)(?::g)?\\\}")
TOLD: Final[dict[str, _StrPromise]] = {
    "refused": gettext_lazy("Nobody listens at %(proxy)s: the connection was refused."),
    "timeout": gettext_lazy(
        "There was no answer through %(proxy)s within %(seconds)s seconds."
    ),
    "dns": gettext_lazy("The name of the proxy %(proxy)s has no address."),
    "authentication": gettext_lazy("%(proxy)s refused the user name and password."),
    "tls": gettext_lazy(
        "TLS with %(target)s failed through %(proxy)s: its certificate or protocol is"
        " not accepted."
    ),
    "geo_block": gettext_lazy(
        "%(target)s answered %(status)s: it refuses the address of %(proxy)s."
    ),
    "status": gettext_lazy(
        "%(target)s answered %(status)s through %(proxy)s, which is not expected."
    ),
    "proxy_error": gettext_lazy(
        "%(proxy)s ended the connection or broke the protocol."
    ),
    "unreachable": gettext_lazy(
        "%(proxy)s could not be reached, or could not reach %(target)s."
    ),
}
ADVICE: Final[dict[str, _StrPromise]] = {
    "refused": gettext_lazy(
        "Check host and port, and that the proxy program runs and its firewall lets"
        " this machine in."
    ),
    "timeout": gettext_lazy(
        "The proxy or the way to it is slow or dead. Look at its load and firewall; give"
        " a far one a longer time-out."
    ),
    "dns": gettext_lazy(
        "Check how the host is spelled, or enter its IP address. If other names fail too,"
        " this machine's name server is away."
    ),
    "authentication": gettext_lazy(
        "Enter user name and password again, and see at the provider whether the account"
        " is paid and this machine's address is allowed."
    ),
    "tls": gettext_lazy(
        "Something between opens encrypted connections, or the clock of this machine is"
        " wrong. Do not trust this proxy before that is explained."
    ),
    "geo_block": gettext_lazy(
        "The exchange does not serve the region of the exit address. Use a proxy in"
        " another region."
    ),
    "status": gettext_lazy(
        "Open the test address in a browser. If another answer than 200 is right for it,"
        " add it to the expected statuses."
    ),
    "proxy_error": gettext_lazy(
        "Mostly the wrong type: try HTTP, SOCKS4 or SOCKS5 as the provider says. Else"
        " read the proxy's own log."
    ),
    "unreachable": gettext_lazy(
        "The proxy has no way to the target. Look at its network and at its own rules."
    ),
}


def failure_sentence(failure: str, message: str) -> str:
    """Return what was recorded of a failure in the reader's language.

    A message that is not one of ours is returned as it is.
    """
    if failure not in TOLD or failure not in SENTENCES:
        return message
    found = _pattern(SENTENCES[failure]).fullmatch(message)
    return str(TOLD[failure]) % found.groupdict() if found else message


def failure_advice(failure: str) -> str:
    """Return what to do about a class of failure; empty for an unknown one."""
    return str(ADVICE.get(failure, ""))


def _pattern(sentence: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = match[1]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>.+?)"

    return re.compile(PLACES.sub(group, re.escape(sentence)))
