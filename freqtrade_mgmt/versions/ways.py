"""The way to the package index: directly, or through a proxy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from btc_watcher.lib.errors import ConfigurationError
from proxies.selectors import proxy_address, route_of

if TYPE_CHECKING:
    from btc_watcher.lib.sockets import ProxyAddress


@dataclass(frozen=True, slots=True)
class Way:
    """The address to go through, None for the direct way, and what is recorded of it."""

    address: ProxyAddress | None
    told: dict[str, Any] = field(default_factory=dict)


def install_way(wanted: int | None) -> Way:
    """Return the way of somebody who wants the proxy ``wanted`` (proxies.id).

    Another proxy takes the place of one that does not work; nothing goes out directly
    instead. Raises ConfigurationError where there is none.
    """
    if wanted is None:
        return Way(None)
    route = route_of(wanted, "another")
    if not route.allowed or route.proxy is None:
        raise ConfigurationError(
            f"Proxy {wanted} cannot be used, and no other one is healthy. Switch it on, add"
            " another one, or install without a proxy."
        )
    return Way(proxy_address(route.proxy), route.told())
