"""Which way a strategy takes now: asked of the proxies, and kept with the strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.failover.shapes import StoredRoute, Way, Wish, route_next
from proxies.selectors import proxies_all, proxy_fingerprint, route_of
from strategies.services import health_merge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from proxies.models import Proxy

# What the supervisor says of a bot that it stops for want of a way.
HELD: Final = "it may not go any way that is left"
OUT: Final = {
    "unhealthy": "is out",
    "disabled": "is switched off",
    "gone": "does not exist any more",
}


class HeldError(BtcWatcherError):
    """No way is left that a strategy may take: it waits, and nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A route, and the proxy that it leads through."""

    route: StoredRoute
    proxy: Proxy | None


def decide(
    wish: Wish,
    stored: StoredRoute | None,
    now: datetime,
    proxies: Mapping[int, Proxy] | None = None,
) -> Decision:
    """Return which way to take now, the stored one where nothing has changed.

    Pass ``proxies`` (of ``proxies_all``) to decide for many without a query for each.
    """
    known = proxies_all() if proxies is None else proxies
    current = stored.proxy if stored is not None and stored.answers(wish) else None
    found = route_of(wish.proxy, wish.policy, proxies=known, current=current)
    way = Way(
        proxy=found.proxy.pk if found.proxy is not None else None,
        allowed=found.allowed,
        why=found.why,
        state=found.state,
        print=proxy_fingerprint(found.proxy) if found.proxy is not None else "",
    )
    return Decision(route_next(stored, wish, way, now), found.proxy)


def route_keep(strategy_id: int, old: StoredRoute | None, new: StoredRoute) -> None:
    """Store a route, if it is another one."""
    if new != old:
        health_merge(strategy_id, {"route": new.stored()})


def held_words(route: StoredRoute, proxies: Mapping[int, Proxy]) -> str:
    """Return why a strategy does not run, as the supervisor stores its reasons."""
    wanted = proxies.get(route.wanted) if route.wanted is not None else None
    name = wanted.name if wanted is not None else f"#{route.wanted}"
    out = OUT.get(route.state, OUT["unhealthy"])
    rest = (
        "no other one is well"
        if route.why == "nothing"
        else "it may not go any other way"
    )
    return f"Its proxy {name} {out}, and {rest}. It starts again by itself when that changes."
