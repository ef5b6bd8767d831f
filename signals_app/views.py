"""Pages of signals: the live list, and one signal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from notifications.selectors import notifications_of_signal
from signals_app.feed import cursor_now
from signals_app.selectors import (
    DEFAULT_WINDOW,
    SignalFilter,
    deliveries_of,
    signal_by_id,
    signals_newest,
    signals_page,
)
from signals_app.shapes import notice_shape, signal_shape
from signals_app.words import (
    ORIGINS,
    QUIET,
    STRENGTH_SOURCES,
    notice_words,
    page_words,
)

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

SHOWN: Final = 100
SHOWN_OF_STRATEGY: Final = 20


@require_GET
@never_cache
@login_required
def live(request: HttpRequest) -> HttpResponse:
    """Show the newest signals; the page appends what arrives."""
    return render(
        request,
        "signals_app/live.html",
        {"start": _newest(), "shown": SHOWN, "words": page_words()},
    )


@require_GET
@never_cache
@login_required
def newest(_request: HttpRequest) -> HttpResponse:
    """Return what the live page begins with, for a page that must load anew."""
    return JsonResponse(_newest())


@require_GET
@login_required
def detail(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """Show one signal with its indicators and what became of its notifications."""
    signal = signal_by_id(identifier)
    if signal is None:
        raise Http404
    return render(
        request,
        "signals_app/detail.html",
        {
            "signal": signal,
            "shape": signal_shape(signal),
            "notices": notifications_of_signal(signal.pk, since=signal.timestamp),
            "quiet": QUIET.get(signal.metadata.get("quiet", "")),
            "source": STRENGTH_SOURCES.get(signal.metadata.get("strength_source", "")),
            "origin": ORIGINS.get(signal.metadata.get("source", "")),
        },
    )


@require_GET
@never_cache
@login_required
def of_strategy(request: HttpRequest, strategy_id: int) -> HttpResponse:
    """Return the newest signals of a strategy, as a part of its page."""
    now = timezone.now()
    wanted = SignalFilter(
        since=now - DEFAULT_WINDOW,
        until=now + timedelta(minutes=2),
        strategy=str(strategy_id),
    )
    found, more = signals_page(wanted, size=SHOWN_OF_STRATEGY)
    deliveries = deliveries_of(found)
    rows = [
        {
            "signal": signal,
            "price": signal_shape(signal)["price"],
            "notice": notice_words(
                notice_shape(signal.metadata, deliveries[signal.pk])
            ),
        }
        for signal in found
    ]
    return render(request, "signals_app/of_strategy.html", {"rows": rows, "more": more})


def _newest() -> dict[str, Any]:
    # The cursor first: what arrives between the two is sent again and merged.
    cursor = cursor_now()
    signals = signals_newest(SHOWN, timezone.now())
    deliveries = deliveries_of(signals)
    return {
        "cursor": cursor,
        "signals": [
            signal_shape(signal)
            | {"notice": notice_shape(signal.metadata, deliveries[signal.pk])}
            for signal in signals
        ],
    }
