"""Pages of signals: the live list, and one signal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.http import Http404, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from accounts.preferences import calls_of
from notifications.selectors import notifications_of_signal
from notifications.shown import shown
from signals_app.around import chart_of, pair_query, streak_query
from signals_app.feed import cursor_now
from signals_app.history.saved import filters_of
from signals_app.live_filter import (
    TIMEFRAMES,
    LiveFilter,
    live_query,
    with_chosen,
)
from signals_app.outcomes.choices import choices_of
from signals_app.outcomes.reading import (
    is_waiting,
    outcome_of,
    outcomes_of,
    waiting_reason,
)
from signals_app.outcomes.shown import latest_shown, looks_shown, outcome_words
from signals_app.selectors import (
    DEFAULT_WINDOW,
    SignalFilter,
    deliveries_of,
    signal_by_id,
    signals_page,
)
from signals_app.shapes import notice_shape, signal_shape
from signals_app.vocabulary import Level, Priority, SignalType
from signals_app.words import (
    ORIGINS,
    QUIET,
    STRENGTH_SOURCES,
    notice_words,
    page_words,
)
from strategies.selectors import strategies_all, strategy_by_id, version_of

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from signals_app.models import Signal

SHOWN: Final = 100
SHOWN_OF_STRATEGY: Final = 20
STRATEGIES_NAMED: Final = 500


@require_GET
@never_cache
@reads
def live(request: HttpRequest) -> HttpResponse:
    """Show the newest signals; the page appends what arrives."""
    choice = LiveFilter.read(request.GET)
    names = strategies_all().order_by("name").values_list("name", flat=True)
    context = {
        "start": _newest(choice),
        "shown": SHOWN,
        "words": page_words(calls_of(request.user)),
        "choice": choice,
        "strategies": with_chosen(names[:STRATEGIES_NAMED], choice.strategy),
        "timeframes": with_chosen(TIMEFRAMES, choice.timeframe),
        "types": SignalType.choices,
        "levels": Level.choices,
        "priorities": Priority.values,
        "saved": [
            (each.name, query)
            for each in filters_of(int(request.user.pk or 0))
            if (query := live_query(each.query)) is not None
        ],
    }
    return render(request, "signals_app/live.html", context)


@require_GET
@never_cache
@reads
def newest(request: HttpRequest) -> HttpResponse:
    """Return what the live page begins with, for a page that must load anew."""
    return JsonResponse(_newest(LiveFilter.read(request.GET)))


@require_GET
@reads
def detail(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """Show one signal with its indicators and what became of its notifications."""
    signal = signal_by_id(identifier)
    if signal is None:
        raise Http404
    notices = notifications_of_signal(signal.pk, since=signal.timestamp)
    return render(
        request,
        "signals_app/detail.html",
        {
            "signal": signal,
            "shape": signal_shape(signal),
            "notices": [shown(notice) for notice in notices],
            "quiet": QUIET.get(signal.metadata.get("quiet", "")),
            "source": STRENGTH_SOURCES.get(signal.metadata.get("strength_source", "")),
            "origin": ORIGINS.get(signal.metadata.get("source", "")),
            "chart": chart_of(signal),
            "streak": streak_query(signal),
            "same_pair": pair_query(signal),
            **_strategy(signal),
            **_outcome(signal, int(request.user.pk or 0)),
        },
    )


@require_GET
@never_cache
@reads
def of_strategy(request: HttpRequest, strategy_id: int) -> HttpResponse:
    """Return the newest signals of a strategy, as a part of its page."""
    now = timezone.now()
    wanted = SignalFilter(
        since=now - DEFAULT_WINDOW,
        until=now + timedelta(minutes=2),
        strategy_ids=(strategy_id,),
    )
    found, more = signals_page(wanted, size=SHOWN_OF_STRATEGY)
    deliveries = deliveries_of(found)
    outcomes = outcomes_of(found)
    choices = choices_of(int(request.user.pk or 0), [signal.pk for signal in found])
    rows = [
        {
            "signal": signal,
            "outcome": outcomes.get(signal.pk),
            "latest": latest_shown(outcomes.get(signal.pk)),
            "choice": choices.get(signal.pk),
            "price": signal_shape(signal)["price"],
            "notice": notice_words(
                notice_shape(signal.metadata, deliveries[signal.pk])
            ),
        }
        for signal in found
    ]
    return render(request, "signals_app/of_strategy.html", {"rows": rows, "more": more})


def _strategy(signal: Signal) -> dict[str, Any]:
    """Return the strategy, as far as it is still there, and whether it has changed."""
    number = signal.strategy_id
    strategy = strategy_by_id(number) if number is not None else None
    version = signal.strategy_version
    if strategy is None or not version or version == strategy.version:
        return {"strategy": strategy, "compares": False}
    known = version_of(strategy.pk, version) and version_of(
        strategy.pk, strategy.version
    )
    return {"strategy": strategy, "compares": known is not None}


def _outcome(signal: Signal, user_id: int) -> dict[str, Any]:
    outcome = outcome_of(signal)
    waiting = waiting_reason(signal) if is_waiting(outcome) else ""
    return {
        "looks": looks_shown(signal, outcome),
        "outcome": outcome,
        "outcome_words": outcome_words(signal, outcome, waiting),
        "choice": choices_of(user_id, [signal.pk]).get(signal.pk),
    }


def _newest(choice: LiveFilter) -> dict[str, Any]:
    # The cursor first: what arrives between the two is sent again and merged.
    cursor = cursor_now()
    signals = signals_page(choice.wanted(timezone.now()), size=SHOWN)[0]
    deliveries = deliveries_of(signals)
    return {
        "cursor": cursor,
        "signals": [
            signal_shape(signal)
            | {"notice": notice_shape(signal.metadata, deliveries[signal.pk])}
            for signal in signals
        ],
    }
