"""Which way bots go, as the supervisor asks for it and stores it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from freqtrade_mgmt.failover.deciding import HeldError, decide, held_words, route_keep
from freqtrade_mgmt.failover.shapes import DIRECT, StoredRoute, Wish, route_read
from proxies.selectors import proxies_all, proxy_address, proxy_fingerprint
from strategies.lifecycle import WANTED_UP
from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btc_watcher.lib.sockets import ProxyAddress
    from proxies.models import Proxy

# Of a strategy, what decides on its way: asked for in wishes, in this order.
COLUMNS: Final = (
    "freqtrade_config__proxy",
    "freqtrade_config__proxy_policy",
    "health_metrics__route",
)


@dataclass(frozen=True, slots=True)
class ProxyWay:
    """The proxy of a bot; ``key`` names it together with its settings."""

    number: int
    name: str
    key: str
    address: ProxyAddress


class Ways:
    """Tells for many strategies which way each shall go, with one query at most.

    What was decided once counts until the failover round decides anew: it, not every
    test of a proxy, moves bots.
    """

    def __init__(self) -> None:
        self._proxies: Mapping[int, Proxy] | None = None

    def mark(self, proxy: object, policy: object, route: object) -> str | None:
        """Return the mark of the way for a revision; None: the strategy has to wait."""
        wish = Wish.of({"proxy": proxy, "proxy_policy": policy})
        stored = route_read(route)
        if wish.proxy is None:
            return DIRECT
        if stored is None or not stored.answers(wish):
            if self._proxies is None:
                self._proxies = proxies_all()
            stored = decide(wish, None, timezone.now(), self._proxies).route
        return stored.mark if stored.allowed else None


def way_take(strategy: Strategy) -> tuple[StoredRoute, ProxyWay | None]:
    """Decide which way the bot that is about to start goes, and store it.

    Raises HeldError when there is none that it may take, EncryptionError when the
    password of its proxy cannot be read.
    """
    proxies = proxies_all()
    route, proxy = _decided(strategy, proxies)
    if not route.allowed:
        raise HeldError(held_words(route, proxies))
    if proxy is None:
        return route, None
    way = ProxyWay(proxy.pk, proxy.name, key_of(route), proxy_address(proxy))
    return route, way


def way_held(strategy_id: int) -> str:
    """Store that a strategy has to wait, and return why; empty when it has not.

    Also empty when it is not wanted (any more).
    """
    strategy = Strategy.objects.filter(pk=strategy_id, status__in=WANTED_UP).first()
    if strategy is None:
        return ""
    proxies = proxies_all()
    route, _proxy = _decided(strategy, proxies)
    return "" if route.allowed else held_words(route, proxies)


def upstream_of(key: str) -> ProxyAddress | None:
    """Return the proxy of a key; None when it has gone or has other settings now.

    Raises EncryptionError.
    """
    number, _colon, mark = key.partition(":")
    proxy = proxies_all().get(int(number)) if number.isdecimal() else None
    if proxy is None or key_of_proxy(proxy) != f"{number}:{mark}":
        return None
    return proxy_address(proxy)


def key_of(route: StoredRoute) -> str:
    """Return the key of the proxy that a route leads through."""
    return f"{route.proxy}:{route.print}"


def key_of_proxy(proxy: Proxy) -> str:
    """Return the key of a proxy as it is now."""
    return f"{proxy.pk}:{proxy_fingerprint(proxy)}"


def _decided(
    strategy: Strategy, proxies: Mapping[int, Proxy]
) -> tuple[StoredRoute, Proxy | None]:
    wish = Wish.of(strategy.freqtrade_config)
    stored = route_read(strategy.health_metrics.get("route"))
    decision = decide(wish, stored, timezone.now(), proxies)
    if wish.proxy is not None or stored is not None:
        route_keep(strategy.pk, stored, decision.route)
    return decision.route, decision.proxy
