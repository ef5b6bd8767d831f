"""One strategy: what it does now, what it runs, and how it came to that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from strategies.described import configuration, process_shown, version_shown
from strategies.hosts import host_of
from strategies.listing import CHANGING
from strategies.routes import route_shown
from strategies.rows import StrategyRow, row_of
from strategies.selectors import (
    processes_of,
    strategies_all,
    strategies_listed,
    versions_of,
)
from strategies.views.common import CHANGE, strategy_or_404

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from strategies.models import Strategy

REFRESH_SECONDS: Final = 10
BUSY_SECONDS: Final = 3
VERSIONS: Final = 6
PROCESSES: Final = 10


@require_GET
@never_cache
@reads
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a strategy; log and signals are parts of other apps, fetched by the page."""
    strategy = strategy_or_404(pk)
    now = timezone.now()
    versions = list(versions_of(pk)[: VERSIONS + 1])
    context = _live(request, strategy, now) | {
        "configuration": configuration(strategy),
        "route": route_shown(strategy),
        "versions": [version_shown(version) for version in versions[:VERSIONS]],
        "more_versions": len(versions) > VERSIONS,
        "parent": strategy.parent_strategy,
        "copies": strategies_all().filter(parent_strategy=pk).only("id", "name"),
    }
    return render(request, "strategies/detail.html", context)


@require_GET
@never_cache
@reads
def health(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the parts of the page that are fetched again and again."""
    context = _live(request, strategy_or_404(pk), timezone.now())
    return render(request, "strategies/parts/live.html", context)


def _live(request: HttpRequest, strategy: Strategy, now: datetime) -> dict[str, Any]:
    row = _row(strategy.pk, now)
    history = strategy.performance_metrics.get("health_history") or []
    return {
        "now": now,
        "strategy": strategy,
        "row": row,
        "host": host_of(strategy),
        "history_json": json.dumps(history),
        "processes": [
            process_shown(process, now)
            for process in processes_of(strategy.pk, PROCESSES)
        ],
        "seconds": BUSY_SECONDS if row.shown.state in CHANGING else REFRESH_SECONDS,
        "may_change": request.user.has_perm(CHANGE),
        "zone": timezone.get_current_timezone_name(),
    }


def _row(pk: int, now: datetime) -> StrategyRow:
    for listed in strategies_listed():
        if listed.id == pk:
            return row_of(listed, now)
    raise Http404
