"""The rows of the list of proxies, with all that a page shows beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.dateparse import parse_datetime

from proxies.models import Proxy
from proxies.selectors.history import proxy_sparks
from proxies.selectors.uses import proxies_users

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from proxies.uses import ProxyUse


@dataclass(frozen=True, slots=True)
class Metrics:
    """``performance_metrics``, read: of the tests that count, latencies in ms.

    ``streak`` counts equal results: 4 successes are 4, 4 failures are -4. ``changes``
    are the last changes of the status, newest first: at, from, to, why.
    """

    tests: int
    success_rate: float | None
    p50_ms: int | None
    p95_ms: int | None
    streak: int
    since: datetime | None
    exit_address: str
    last_failure: str
    changes: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ListedProxy:
    """A proxy, its figures, its last latencies (None: failed) and who uses it."""

    proxy: Proxy
    metrics: Metrics
    spark: list[int | None]
    users: list[ProxyUse]


def metrics_of(proxy: Proxy) -> Metrics:
    """Return the figures of a proxy; nothing is asked of the database."""
    data = proxy.performance_metrics
    changes = data.get("changes")
    since = data.get("since")
    return Metrics(
        tests=data.get("tests") or 0,
        success_rate=data.get("success_rate"),
        p50_ms=data.get("p50_ms"),
        p95_ms=data.get("p95_ms"),
        streak=data.get("streak") or 0,
        since=parse_datetime(since) if isinstance(since, str) else None,
        exit_address=data.get("exit_address") or "",
        last_failure=data.get("last_failure") or "",
        changes=tuple(reversed(changes)) if isinstance(changes, list) else (),
    )


def proxies_listed(
    *, now: datetime, proxies: Iterable[Proxy] | None = None
) -> list[ListedProxy]:
    """Return ``proxies`` (all of them by default) in their order, for a page.

    Three queries and those of the apps that tell who uses them, however many there are.
    """
    rows = list(Proxy.objects.all() if proxies is None else proxies)
    numbers = [row.pk for row in rows]
    sparks = proxy_sparks(numbers, now=now)
    users = proxies_users(numbers)
    return [
        ListedProxy(row, metrics_of(row), sparks[row.pk], users.get(row.pk, []))
        for row in rows
    ]
