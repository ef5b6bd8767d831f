"""Reading strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strategies.lifecycle import WANTED_UP
from strategies.models import Strategy, StrategyProcess

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet


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
