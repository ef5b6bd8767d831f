"""Why there was no answer: one word for what a network library raised. Pure."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from typing import TYPE_CHECKING, Final

import socks
from requests import Timeout
from urllib3.exceptions import NameResolutionError
from urllib3.exceptions import TimeoutError as SlowError

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED: Final = "refused"
TIMEOUT: Final = "timeout"
DNS: Final = "dns"
AUTHENTICATION: Final = "authentication"
TLS: Final = "tls"
UNREACHABLE: Final = "unreachable"
# The connection broke, or the proxy said what no protocol allows.
BROKEN: Final = "broken"

NO_WAY: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)
# Of an HTTP proxy that could not reach the target.
GATEWAY: Final = (502, 503, 504)
# SOCKS5 (RFC 1928): network, host or port not reachable, or too many hops.
NO_TARGET: Final = (0x03, 0x04, 0x05, 0x06)
# SOCKS4: no identd, or another user id than the one that was given.
LOGIN: Final = (0x5C, 0x5D)
WORDS: Final = (
    (ssl.SSLError, TLS),
    ((socket.gaierror, NameResolutionError), DNS),
    (ConnectionRefusedError, REFUSED),
    ((TimeoutError, Timeout, SlowError), TIMEOUT),
)
CODE: Final = re.compile(r"^0x([0-9a-f]{2}):")


class ProxyRefusedError(OSError):
    """The proxy itself said no; ``cause`` is one of this module's words."""

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.cause = cause


def cause_of(error: BaseException) -> str:
    """Return the word for ``error`` and for what it was raised from."""
    found = list(_behind(error))
    for each in found:
        if isinstance(each, ProxyRefusedError):
            return each.cause
    words = {_word(each) for each in found}
    for word in (TLS, DNS, REFUSED, TIMEOUT, UNREACHABLE):
        if word in words:
            return word
    return BROKEN


def cause_of_status(status: int) -> str:
    """Return the word for the status with which an HTTP proxy refuses a tunnel."""
    if status == 407:
        return AUTHENTICATION
    return UNREACHABLE if status in GATEWAY else BROKEN


def socks_refusal(error: socks.ProxyError) -> OSError:
    """Return what to raise for an error of the SOCKS library, which shows addresses."""
    while isinstance(error.socket_err, socks.ProxyError):
        error = error.socket_err
    behind = error.socket_err
    if isinstance(behind, TimeoutError):
        return TimeoutError()
    cause = BROKEN
    if isinstance(error, socks.ProxyConnectionError) and behind:
        cause = cause_of(behind)
    elif isinstance(error, socks.SOCKS5AuthError) or _code(error) in LOGIN:
        cause = AUTHENTICATION
    elif _code(error) in NO_TARGET:
        cause = UNREACHABLE
    return ProxyRefusedError(type(error).__name__, cause)


def _code(error: socks.ProxyError) -> int:
    found = CODE.match(str(error.msg))
    return int(found[1], 16) if found else 0


def _word(error: BaseException) -> str:
    # A connection that ends within a handshake says nothing of certificates.
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return BROKEN
    if isinstance(error, OSError) and error.errno in NO_WAY:
        return UNREACHABLE
    return next((word for kinds, word in WORDS if isinstance(error, kinds)), BROKEN)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and every error that it carries along, each once."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, *each.args]
        # As urllib3 names what it wraps.
        waiting += [getattr(each, name, None) for name in ("reason", "original_error")]
