"""Where a request comes from, as far as a session row records it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

AGENT_LENGTH: Final = 400
# In this order: most browsers name others before themselves.
BROWSERS: Final = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "MicroMessenger/": "WeChat",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS: Final = {
    "HarmonyOS": "HarmonyOS",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The address (None when unknown, as on a Unix socket) and the program."""

    ip_address: str | None
    user_agent: str


def request_facts(request: HttpRequest | Request) -> RequestFacts:
    """Return the facts of ``request``.

    The address is the one that the server vouches for: behind a reverse proxy it is
    the server's business (uvicorn --forwarded-allow-ips) to put the right one there,
    because a header that anybody may send proves nothing.
    """
    # "fe80::1%eth0": the part behind % names a network card of ours, and PostgreSQL's
    # addresses have none.
    told, _percent, _card = str(request.META.get("REMOTE_ADDR", "")).partition("%")
    address: str | None
    try:
        address = str(ipaddress.ip_address(told))
    except ValueError:
        address = None
    agent = " ".join(request.headers.get("User-Agent", "").split())
    return RequestFacts(address, agent.replace("\x00", "")[:AGENT_LENGTH])


def agent_label(agent: str) -> str:
    """Return a short name such as ``Firefox · Linux``, or ``agent`` when it is none known.

    For recognising one's own devices only: an agent says of itself what it likes.
    """
    known = [
        next((name for mark, name in names.items() if mark in agent), "")
        for names in (BROWSERS, SYSTEMS)
    ]
    return " · ".join(filter(None, known)) if known[0] else agent
