"""Reading strategies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from proxies.models import Proxy
from proxies.uses import ProxyUse
from strategies.cache import listed_get, listed_set
from strategies.lifecycle import WANTED_UP
from strategies.models import Strategy, StrategyProcess, StrategyVersion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from accounts.models import User


@dataclass(frozen=True, slots=True)
class ListedStrategy:
    """One row of the list of strategies.

    ``freqtrade_version`` and ``proxy`` (proxies.id) are what was chosen: None stands
    for the current version and for no proxy. ``live`` tells whether it may trade for
    real. ``heartbeat`` is when its open process was last seen; None without one.
    ``shared_process`` is the one that it shares with others, empty for one of its own.
    ``health_metrics`` is as stored.
    """

    id: int
    name: str
    description: str
    type: str
    version: str
    class_name: str
    exchange: str
    timeframe: str
    pairs: tuple[str, ...]
    freqtrade_version: str | None
    proxy: int | None
    live: bool
    created_at: datetime
    updated_at: datetime
    status: str
    heartbeat: datetime | None = None
    started: datetime | None = None
    shared_process: str = ""
    health_metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why it is in error, or is being started again."""
        return str(self.health_metrics.get("reason") or "")

    @property
    def health(self) -> dict[str, Any]:
        """What the last health round found; empty before the first."""
        found = self.health_metrics.get("health")
        return found if isinstance(found, dict) else {}


def strategies_all() -> QuerySet[Strategy]:
    """Return every strategy that is no draft."""
    return Strategy.objects.filter(is_draft=False)


def strategies_wanted() -> QuerySet[Strategy]:
    """Return the strategies that should be running."""
    return strategies_all().filter(status__in=WANTED_UP)


def processes_open() -> QuerySet[StrategyProcess]:
    """Return the processes that have not been recorded as ended."""
    return StrategyProcess.objects.filter(stop_time=None)


def strategies_by_name(names: Iterable[str]) -> dict[str, Strategy]:
    """Return the strategies of these names."""
    return {
        strategy.name: strategy
        for strategy in strategies_all().filter(name__in=set(names))
    }


def strategy_by_id(strategy_id: int) -> Strategy | None:
    """Return a strategy that is no draft."""
    return strategies_all().filter(pk=strategy_id).first()


def draft_by_id(draft_id: int) -> Strategy | None:
    """Return a draft, with the strategy that it edits."""
    drafts = Strategy.objects.filter(is_draft=True, pk=draft_id)
    return drafts.select_related("parent_strategy", "created_by").first()


def drafts_of(user: User) -> QuerySet[Strategy]:
    """Return a person's drafts, the last saved first."""
    return (
        Strategy.objects.filter(is_draft=True, created_by=user)
        .select_related("parent_strategy")
        .order_by("-updated_at")
    )


def name_taken(name: str, *, but: int | None = None) -> bool:
    """Tell whether a strategy other than ``but`` has this name, in whatever case."""
    found = strategies_all().filter(name__iexact=name)
    return found.exclude(pk=but).exists() if but is not None else found.exists()


def versions_of(strategy_id: int) -> QuerySet[StrategyVersion]:
    """Return the versions of a strategy, newest first."""
    return StrategyVersion.objects.filter(strategy_id=strategy_id).order_by("-id")


def version_of(strategy_id: int, version: str) -> StrategyVersion | None:
    """Return one version of a strategy, such as v1.2."""
    return versions_of(strategy_id).filter(version=version).first()


def processes_of(strategy_id: int, limit: int = 20) -> list[StrategyProcess]:
    """Return the last ``limit`` processes of a strategy, newest first."""
    found = StrategyProcess.objects.filter(strategy_id=strategy_id)
    return list(found.order_by("-id")[:limit])


def proxy_uses(proxy_ids: Collection[int]) -> list[ProxyUse]:
    """Return which strategies go through some of the proxies, or want to.

    One that goes another way for now uses both: its own, and the other ``via``.
    """
    rows = strategies_all().filter(freqtrade_config__has_key="proxy")
    found = []
    for key, name, wanted, route in rows.values_list(
        "id", "name", "freqtrade_config__proxy", "health_metrics__route"
    ):
        used = route.get("proxy") if isinstance(route, dict) else None
        current = isinstance(route, dict) and route.get("wanted") == wanted
        for number in {wanted, used if current else wanted} & set(proxy_ids):
            url = reverse("strategies:detail", args=[key])
            via = number != wanted
            found.append(ProxyUse(number, "strategy", key, name, url, via=via))
    return found


def proxy_names(numbers: Iterable[object]) -> dict[str, str]:
    """Return the names of proxies by their numbers as texts; those that are gone lack."""
    wanted = [int(str(each)) for each in numbers if str(each).isdecimal()]
    rows = Proxy.objects.filter(pk__in=wanted).values_list("id", "name")
    return {str(number): name for number, name in rows}


def strategies_listed() -> list[ListedStrategy]:
    """Return the list of strategies by name, with what moves read at this moment.

    What a person writes comes from the cache (five minutes). It is compared with the
    rows' time of change, so not even a Redis that missed a change shows an old row.
    """
    moving = _moving()
    rows = listed_get()
    if rows is None or {row["id"]: row["updated_at"] for row in rows} != {
        key: values["updated_at"] for key, values in moving.items()
    }:
        rows = [_listed_row(strategy) for strategy in strategies_all()]
        listed_set(rows)
    return [
        ListedStrategy(**row | moving[row["id"]]) for row in rows if row["id"] in moving
    ]


def _listed_row(strategy: Strategy) -> dict[str, Any]:
    """Return what the cache keeps of a strategy: no code, no secret."""
    config, freqtrade = strategy.config, strategy.freqtrade_config
    live = freqtrade.get("live")
    pairs = config.get("pairs")
    return {
        "id": strategy.pk,
        "name": strategy.name,
        "description": strategy.description or "",
        "type": strategy.type,
        "version": strategy.version,
        "class_name": str(config.get("class_name") or ""),
        "exchange": str(config.get("exchange") or ""),
        "timeframe": str(config.get("timeframe") or ""),
        "pairs": tuple(pairs) if isinstance(pairs, list) else (),
        "freqtrade_version": freqtrade.get("version"),
        "proxy": freqtrade.get("proxy"),
        "live": isinstance(live, dict) and live.get("enabled") is True,
        "created_at": strategy.created_at,
        "updated_at": strategy.updated_at,
    }


def _moving() -> dict[int, dict[str, Any]]:
    """Return what changes by itself, by strategy: state, measured values, heartbeat."""
    found: dict[int, dict[str, Any]] = {
        key: {"updated_at": updated, "status": status, "health_metrics": metrics}
        for key, updated, status, metrics in strategies_all().values_list(
            "id", "updated_at", "status", "health_metrics"
        )
    }
    seen = processes_open().order_by("id")
    for key, heartbeat, started, runner in seen.values_list(
        "strategy_id", "last_heartbeat", "start_time", "resource_usage__runner"
    ):
        if key in found:
            found[key] |= {
                "heartbeat": heartbeat,
                "started": started,
                "shared_process": runner or "",
            }
    return found
