"""Which addresses are of the public internet, for requests that people have made.

Whoever may enter an address could otherwise use this machine to reach what only it
can reach.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# Where clouds give credentials away without a link-local address: Alibaba's, Oracle's,
# and Amazon's for IPv6.
CLOUDS: Final = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254"))
)


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet.

    Addresses that carry an IPv4 address inside are judged by it.
    """
    return _inner(address).is_global and not _inner(address).is_multicast


def is_no_neighbour(address: Address) -> bool:
    """Tell whether an address is anything but link-local or a cloud's own.

    There clouds give credentials away.
    """
    inner = _inner(address)
    return not inner.is_link_local and inner not in CLOUDS


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def addresses_check(host: str, port: int, allowed: Callable[[Address], bool]) -> None:
    """Raise a permanent TransportError when a name leads where we must not go.

    A name without an address is left to whoever connects.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    for *_rest, address in found:
        address_check(host, str(address[0]), allowed)


def literal_check(host: str, allowed: Callable[[Address], bool]) -> None:
    """Do the same without asking for the name's address, which a proxy will do."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        address_check(host, "127.0.0.1", allowed)
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        address_check(host, host, allowed)
    # 127.1, 2130706433 and 0x7f.1 are addresses, too, for whoever looks them up.
    with contextlib.suppress(OSError, ValueError):
        address_check(host, socket.inet_ntoa(socket.inet_aton(name)), allowed)


def address_check(host: str, address: str, allowed: Callable[[Address], bool]) -> None:
    """Raise a permanent TransportError unless ``allowed`` takes an address."""
    # A scope ("fe80::1%eth0") is no part of the address.
    if not allowed(ipaddress.ip_address(address.partition("%")[0])):
        raise TransportError(
            f"{host} is {address}, an address of this machine or of a private network."
            " Set 'allow_private' if the channel may go there (never to"
            " 169.254.0.0/16).",
            permanent=True,
        )
