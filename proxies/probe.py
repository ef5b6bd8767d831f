"""One test of a proxy: its own address is asked through it, and the cause is named."""

from __future__ import annotations

import ipaddress
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.outgoing import OutgoingSession, address_shown

if TYPE_CHECKING:
    import requests

    from btc_watcher.lib.sockets import ProxyAddress
    from proxies.rules import HealthRules

LARGEST: Final = 256 * 1024
# An address is short; a longer body is something else.
LONGEST_ADDRESS: Final = 4096
# How the services that tell the caller's address name it.
ADDRESS_KEYS: Final = ("ip", "origin", "query")
GEO_BLOCK: Final = (403, 451)
LOGIN_WANTED: Final = 407

SENTENCES: Final = {
    "refused": "Nobody listens at {proxy}: the connection was refused.",
    "timeout": "There was no answer through {proxy} within {seconds:g} seconds.",
    "dns": "The name of the proxy {proxy} has no address.",
    "authentication": "{proxy} refused the user name and password.",
    "tls": "TLS with {target} failed through {proxy}: its certificate or protocol is"
    " not accepted.",
    "geo_block": "{target} answered {status}: it refuses the address of {proxy}.",
    "status": "{target} answered {status} through {proxy}, which is not expected.",
    "proxy_error": "{proxy} ended the connection or broke the protocol.",
    "unreachable": "{proxy} could not be reached, or could not reach {target}.",
}
FAILURES: Final = tuple(SENTENCES)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one test found; ``failure`` is empty or one of FAILURES.

    ``latency_ms`` is the whole time until the answer was read, None without one.
    ``target`` is the tested address without its path. No text holds a secret.
    """

    success: bool
    target: str
    latency_ms: int | None = None
    failure: str = ""
    message: str = ""
    status: int | None = None
    exit_address: str = ""


def probe(proxy: ProxyAddress, url: str, rules: HealthRules) -> ProbeResult:
    """Ask ``url`` through ``proxy``; end after ``rules.timeout_seconds``."""
    seconds = rules.timeout_seconds
    started = time.perf_counter()
    try:
        with OutgoingSession(
            proxy=proxy, seconds=seconds, patience=seconds, largest=LARGEST
        ) as session:
            answer = session.call("GET", url)
    except TransportError as error:
        return _failed(proxy, url, rules, _class_of(error), error.code)
    latency = round((time.perf_counter() - started) * 1000)
    failure = failure_of_status(answer.status_code, rules)
    if failure:
        return _failed(proxy, url, rules, failure, answer.status_code, latency)
    return ProbeResult(
        success=True,
        target=address_shown(url),
        latency_ms=latency,
        status=answer.status_code,
        exit_address=exit_address(answer),
    )


def failure_of_status(status: int, rules: HealthRules) -> str:
    """Return the class of failure that a status means, empty when it is expected."""
    if status in rules.expected_status:
        return ""
    if status == LOGIN_WANTED:
        return "authentication"
    return "geo_block" if status in GEO_BLOCK else "status"


def exit_address(answer: requests.Response) -> str:
    """Return the address from which the proxy asked, if the answer tells it."""
    if len(answer.content) > LONGEST_ADDRESS:
        return ""
    text = answer.content.decode(errors="replace").strip()
    found: list[object] = [text]
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        found = [body.get(key) for key in ADDRESS_KEYS]
    return next((each for each in map(_address, found) if each), "")


def _address(value: object) -> str:
    # A list of addresses ends with the one that the server saw itself.
    text = str(value).rpartition(",")[2].strip() if isinstance(value, str) else ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _class_of(error: TransportError) -> str:
    return error.cause if error.cause in SENTENCES else "proxy_error"


def _failed(
    proxy: ProxyAddress,
    url: str,
    rules: HealthRules,
    failure: str,
    status: int | None,
    latency: int | None = None,
) -> ProbeResult:
    words: dict[str, Any] = {
        "proxy": proxy_shown(proxy),
        "target": urlsplit(url).hostname or "?",
        "status": status,
        "seconds": rules.timeout_seconds,
    }
    return ProbeResult(
        success=False,
        target=address_shown(url),
        latency_ms=latency,
        failure=failure,
        message=SENTENCES[failure].format(**words),
        status=status,
    )


def proxy_shown(proxy: ProxyAddress) -> str:
    """Return a proxy's address as people may read it: without its login."""
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    return f"{proxy.kind}://{host}:{proxy.port}"
