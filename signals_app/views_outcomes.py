"""Pages of outcomes: hit rates, the list of signals with theirs, and choices."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import Http404, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import own, reads
from btc_watcher.lib.errors import BtcWatcherError
from signals_app.outcomes.answers import DIRECTIONS, period
from signals_app.outcomes.asking import statistics_of
from signals_app.outcomes.choices import (
    UNDECIDED,
    choice_clear,
    choice_filter,
    choice_set,
    choices_of,
)
from signals_app.outcomes.models import Choice
from signals_app.outcomes.reading import outcomes_of
from signals_app.outcomes.rows_shown import signal_rows, statistic_rows
from signals_app.outcomes.statistics import DIRECTION, LEVEL, PAIR, StatisticsFilter
from signals_app.selectors import (
    Cursor,
    SignalFilter,
    signal_by_id,
    signals_newest,
    signals_page,
)
from signals_app.vocabulary import Level, SignalType
from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse, QueryDict

DAYS: Final = (1, 7, 30, 90, 365)
DEFAULT_DAYS: Final = 30
SIZE: Final = 50
NEWEST: Final = 100


@require_GET
@never_cache
@reads
def rates(request: HttpRequest) -> HttpResponse:
    """Show hit rates; filters that make no sense are ignored."""
    query = request.GET
    now = timezone.now()
    days = _days(query)
    since, until = period(days, now)
    wanted = StatisticsFilter(
        since=since,
        until=until,
        strategy=_text(query, "strategy"),
        level=_one_of(query, "level", Level.values),
        direction=_one_of(query, "direction", DIRECTIONS),
        kind=_one_of(query, "kind", ("entry", "exit")),
    )
    by = _one_of(query, "by", (LEVEL, DIRECTION, PAIR)) or LEVEL
    if by == PAIR and not wanted.strategy:
        by = LEVEL
    found = statistics_of(wanted, by)
    return render(
        request,
        "signals_app/outcomes.html",
        {
            **_choices_of_filters(),
            "tab": "rates",
            "wanted": wanted,
            "by": by,
            "days": days,
            "filtered": any(query.get(name) for name in query),
            "rows": statistic_rows(found.rows),
            # The sum of one row is that row.
            "total": statistic_rows(found.total) if _is_many(found.rows) else [],
            "exact": found.exact,
            "groupings": _groupings(with_pairs=bool(wanted.strategy)),
        },
    )


@require_GET
@never_cache
@reads
def journal(request: HttpRequest) -> HttpResponse:
    """Show signals with their outcomes and what the person did with them."""
    query = request.GET
    now = timezone.now()
    days = _days(query)
    strategy = _text(query, "strategy")
    plain = SignalFilter(
        since=now - timedelta(days=days),
        until=now + timedelta(minutes=2),
        **_of_strategy(strategy),
        pair=_text(query, "pair"),
        type=_one_of(query, "direction", SignalType.values),
        level=_one_of(query, "level", Level.values),
    )
    choice = _one_of(query, "choice", (*Choice.values, UNDECIDED))
    user_id = int(request.user.pk or 0)
    wanted = choice_filter(plain, user_id, choice)
    after = _cursor(query.get("after", ""))
    found, further = signals_page(wanted, size=SIZE, after=after)
    return render(
        request,
        "signals_app/journal.html",
        {
            **_choices_of_filters(),
            "tab": "journal",
            "wanted": wanted,
            "choice": choice,
            "days": days,
            "filtered": any(query.get(name) for name in query),
            "rows": signal_rows(
                found, outcomes_of(found), choices_of(user_id, [s.pk for s in found])
            ),
            "after": after,
            "first_page": _address(query, None),
            "next_page": _address(query, further) if further else "",
            "decisions": [*Choice.choices, (UNDECIDED, _("undecided"))],
        },
    )


@require_GET
@never_cache
@reads
def newest(request: HttpRequest) -> HttpResponse:
    """Return outcomes and choices of the newest signals, for the live page."""
    found = signals_newest(NEWEST, timezone.now())
    choices = choices_of(int(request.user.pk or 0), [s.pk for s in found])
    rows = signal_rows(found, outcomes_of(found), choices)
    return JsonResponse({"signals": {str(row.signal.pk): row.brief() for row in rows}})


@require_POST
@own
def choose(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """Note what the person did with a signal: taken, skipped, or "" to forget it.

    htmx gets the part of the page that shows it; others are led to the signal.
    """
    signal = signal_by_id(identifier)
    if signal is None:
        raise Http404
    user_id = int(request.user.pk or 0)
    choice = request.POST.get("choice", "")
    problem = ""
    try:
        if choice:
            note = request.POST.get("note", "")
            choice_set(user_id=user_id, signal=signal, choice=choice, note=note)
        else:
            choice_clear(user_id=user_id, signal=signal)
    except BtcWatcherError as error:
        problem = error.message
    if "HX-Request" not in request.headers:
        if problem:
            messages.error(request, problem)
        return redirect("signals_app:detail", identifier)
    small = request.POST.get("small") == "1"
    return render(
        request,
        "signals_app/parts/choice.html",
        {
            "signal": signal,
            "choice": choices_of(user_id, [identifier]).get(identifier),
            "small": small,
            "problem": problem,
        },
    )


def _of_strategy(text: str) -> dict[str, Any]:
    """Return whose signals are wanted: the field sends a number, an address any name."""
    if text.isascii() and text.isdecimal():
        return {"strategy_ids": (int(text),)}
    return {"strategy_names": (text,) if text else ()}


def _choices_of_filters() -> dict[str, Any]:
    return {
        "days_choices": [(each, _days_words(each)) for each in DAYS],
        "strategies": Strategy.objects.order_by("name").values_list("pk", "name"),
        "levels": Level.choices,
        "directions": [
            (value, label) for value, label in SignalType.choices if value in DIRECTIONS
        ],
    }


def _groupings(*, with_pairs: bool) -> list[tuple[str, str]]:
    found = [(LEVEL, _("level")), (DIRECTION, _("direction"))]
    return [*found, (PAIR, _("pair"))] if with_pairs else found


def _is_many(rows: Any) -> bool:
    return len({(row.strategy_id, row.strategy) for row in rows}) > 1


def _days(query: Mapping[str, str]) -> int:
    text = query.get("days", "")
    return next((days for days in DAYS if str(days) == text), DEFAULT_DAYS)


def _days_words(count: int) -> str:
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


def _one_of(query: Mapping[str, str], name: str, known: Any) -> str:
    value = query.get(name, "")
    return value if value in known else ""


def _text(query: Mapping[str, str], name: str) -> str:
    return query.get(name, "").replace("\0", "").strip()[:100]


def _cursor(text: str) -> Cursor | None:
    try:
        return Cursor.parse(text) if text else None
    except BtcWatcherError:
        return None


def _address(query: QueryDict, place: Cursor | None) -> str:
    kept = query.copy()
    kept.pop("after", None)
    if place is not None:
        kept["after"] = place.text()
    return f"?{kept.urlencode()}"
