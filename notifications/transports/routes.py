"""Which way a channel goes: through its proxy, another one, or directly by policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError, TransportError
from proxies.ranking import policy_read
from proxies.selectors import proxy_address, route_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btc_watcher.lib.sockets import ProxyAddress
    from proxies.selectors import Route


@dataclass(frozen=True, slots=True)
class Way:
    """The proxy to go through, None for directly, and what the history says of it."""

    address: ProxyAddress | None
    told: Mapping[str, object]
    proxy_id: int | None = None


def proxy_wanted(config: Mapping[str, Any]) -> int | None:
    """Return the number under 'proxy'; ConfigurationError when it can be none."""
    number = config.get("proxy")
    if number in (None, ""):
        return None
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    if isinstance(number, str) and number.isdecimal():
        return int(number)
    raise _gone(number)


def way_of(config: Mapping[str, Any]) -> Way:
    """Return the way for a channel's ``config``, by its 'proxy' and 'proxy_policy'.

    Going out directly in silence would be worse than not going out, so without a way a
    proxy that is gone raises ConfigurationError, and one that is switched off or not
    well a TransportError that is tried again. EncryptionError when the password of the
    proxy is not readable.
    """
    wanted = proxy_wanted(config)
    if wanted is None:
        return Way(None, {})
    route = route_of(wanted, policy_read(config.get("proxy_policy")))
    if not route.allowed:
        raise _no_way(route)
    if route.proxy is None:
        return Way(None, route.told())
    return Way(proxy_address(route.proxy), route.told(), route.proxy.pk)


def _no_way(route: Route) -> ConfigurationError | TransportError:
    if route.state == "gone":
        return _gone(route.wanted)
    problem = "switched off" if route.state == "disabled" else "not healthy"
    reason = (
        "the channel may go no other way"
        if route.why == "stopped"
        else "no other one is healthy"
    )
    return TransportError(
        f"Proxy number {route.wanted} of this channel is {problem}, and {reason}."
        " Mend it, or choose another one."
    )


def _gone(number: object) -> ConfigurationError:
    return ConfigurationError(
        _(
            "The channel goes through proxy %(number)r, which does not exist. Choose"
            " another one, or none."
        )
        % {"number": number}
    )
