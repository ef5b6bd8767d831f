"""The failover round: which way every wanted strategy goes from now on.

It decides, stores and tells. The supervisor moves the bots, one at a time, as soon as it
sees that another way is stored.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import transaction

from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import FAILOVER_ROUND
from freqtrade_mgmt.failover.deciding import decide, route_keep
from freqtrade_mgmt.failover.shapes import StoredRoute, Wish, route_read
from freqtrade_mgmt.failover.telling import moved_message, proxies_tell
from notifications.dispatch import messages_send
from proxies.selectors import proxies_all
from strategies.selectors import strategies_wanted
from strategies.services import health_lock_many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from proxies.models import Proxy


@dataclass(frozen=True, slots=True)
class Subject:
    """A wanted strategy: which way it asks for, and which was stored."""

    strategy_id: int
    name: str
    wish: Wish
    stored: StoredRoute | None


@dataclass(frozen=True, slots=True)
class Change:
    """A strategy whose stored route changes; ``tell`` says that people are told."""

    strategy_id: int
    name: str
    old: StoredRoute | None
    new: StoredRoute
    tell: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """What a round did: ``moved`` got another way, ``held`` have to wait."""

    strategies: int = 0
    moved: int = 0
    held: int = 0
    alerts: int = 0
    skipped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


@transaction.atomic
def failover_round(now: datetime) -> Figures:
    """Decide, store and tell, all or nothing; of two at once the second does nothing.

    Raises Django's database errors.
    """
    if not lock_taken(FAILOVER_ROUND):
        return Figures(skipped=True)
    proxies = proxies_all()
    subjects = _subjects()
    changes = plan_changes(subjects, proxies, now)
    if changes:
        health_lock_many()
    for change in changes:
        route_keep(change.strategy_id, change.old, change.new)
    messages_send(
        [
            moved_message(change.strategy_id, change.name, change.new, proxies)
            for change in changes
            if change.tell
        ]
    )
    alerts = proxies_tell(proxies, now)
    routes = {subject.strategy_id: subject.stored for subject in subjects}
    routes |= {change.strategy_id: change.new for change in changes}
    return Figures(
        strategies=len(subjects),
        moved=sum(_moves(change) for change in changes),
        held=sum(route is not None and not route.allowed for route in routes.values()),
        alerts=alerts,
    )


def plan_changes(
    subjects: Sequence[Subject], proxies: Mapping[int, Proxy], now: datetime
) -> list[Change]:
    """Return what is to be stored and told."""
    changes = []
    for subject in subjects:
        if subject.wish.proxy is None and subject.stored is None:
            continue
        route = decide(subject.wish, subject.stored, now, proxies).route
        tell = not route.told
        new = replace(route, told=True)
        if new != subject.stored:
            changes.append(
                Change(subject.strategy_id, subject.name, subject.stored, new, tell)
            )
    return changes


def _moves(change: Change) -> bool:
    old, new = change.old, change.new
    return old is not None and (old.proxy, old.allowed) != (new.proxy, new.allowed)


def _subjects() -> list[Subject]:
    rows = strategies_wanted().order_by("id")
    return [
        Subject(
            strategy.pk,
            strategy.name,
            Wish.of(strategy.freqtrade_config),
            route_read(strategy.health_metrics.get("route")),
        )
        for strategy in rows.only("id", "name", "freqtrade_config", "health_metrics")
    ]
