"""Reading proxies, their tests, their users, and the way that somebody takes."""

from __future__ import annotations

from proxies.selectors.due import proxies_enabled, proxies_failing, rules_of
from proxies.selectors.history import (
    LOOK_BACK,
    Bucket,
    proxy_failures,
    proxy_history,
    proxy_results,
    proxy_sparks,
    proxy_tests,
)
from proxies.selectors.listing import ListedProxy, Metrics, metrics_of, proxies_listed
from proxies.selectors.routes import (
    Route,
    proxies_all,
    proxy_address,
    proxy_fingerprint,
    proxy_identity,
    proxy_ranked,
    route_of,
    routes_of,
)
from proxies.selectors.uses import proxies_users, proxy_users

__all__ = [
    "LOOK_BACK",
    "Bucket",
    "ListedProxy",
    "Metrics",
    "Route",
    "metrics_of",
    "proxies_all",
    "proxies_enabled",
    "proxies_failing",
    "proxies_listed",
    "proxies_users",
    "proxy_address",
    "proxy_failures",
    "proxy_fingerprint",
    "proxy_history",
    "proxy_identity",
    "proxy_ranked",
    "proxy_results",
    "proxy_sparks",
    "proxy_tests",
    "proxy_users",
    "route_of",
    "routes_of",
    "rules_of",
]
