"""Signals, their outcomes and people's choices in the admin, to be read only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.roles import ADMINISTER
from btc_watcher.lib.admin import HistoryAdmin, links
from btc_watcher.lib.admin_filters import PeriodFilter
from signals_app.identity import moment_of
from signals_app.models import (
    Outcome,
    OutcomeDay,
    OutcomeWork,
    SavedFilter,
    Signal,
    SignalChoice,
)
from signals_app.selectors import signal_by_id
from strategies.admin import StrategyFilter
from strategies.models import Strategy

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

UUID_LENGTH: Final = 36


class SignalPeriodFilter(PeriodFilter):
    """The last 7 days by default."""

    column = "timestamp"


def signal_number(text: str) -> UUID | None:
    """Return the number of a signal that ``text`` is, None when it is none."""
    try:
        return UUID(text) if len(text) == UUID_LENGTH else None
    except ValueError:
        return None


class FoundByMeaning(HistoryAdmin):
    """Rows about a signal, found by what an index knows."""

    # Opens the field; what it finds is below.
    search_fields = ("strategy_name",)
    pairs_are_indexed = False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Open the row at once when its number is looked for."""
        number = signal_number(request.GET.get("q", "").strip())
        if number is not None and self.has_view_permission(request):
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(name, args=[number]))
        return super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a strategy by its whole name, or a pair; each reads one index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if self.pairs_are_indexed and "/" in term:
            return queryset.filter(pair=term.upper()), False
        ids = list(Strategy.objects.filter(name=term).values_list("id", flat=True))
        # What others posted under a name has no strategy.
        found = (
            Q(strategy_id__in=ids) if ids else Q(strategy_id=None, strategy_name=term)
        )
        return queryset.filter(found), False

    @admin.display(description=_("more"))
    def more(self, row: Any) -> str:
        """Links to everything about the same signal."""
        return links(signal_places(row.pk, row.timestamp, row.strategy_id))


def signal_places(
    number: UUID, at: datetime, strategy_id: int | None
) -> list[tuple[str, Any]]:
    """Return where else something about a signal is."""
    notices = reverse("admin:notifications_notification_changelist")
    places = [
        (reverse("signals_app:detail", args=[number]), _("page")),
        (reverse("admin:signals_app_signal_change", args=[number]), _("signal")),
        (f"{notices}?signal_id={number}&since={at:%Y-%m-%d}", _("notifications")),
        (reverse("admin:signals_app_outcome_change", args=[number]), _("outcome")),
    ]
    if strategy_id is not None:
        where = reverse("admin:strategies_strategy_change", args=[strategy_id])
        places.append((where, _("strategy")))
    return places


@admin.register(Signal)
class SignalAdmin(FoundByMeaning):
    """Signals, newest first."""

    list_display = (
        "timestamp",
        "signal_type",
        "pair",
        "timeframe",
        "strength_raw",
        "strength_level",
        "priority",
        "price",
        "strategy_name",
        "notification_sent",
    )
    list_filter = (
        SignalPeriodFilter,
        *("signal_type", "strength_level", "priority", "notification_sent"),
        StrategyFilter,
    )
    search_help_text = _(
        "A whole pair (BTC/USDT), the whole name of a strategy, or a signal's number"
    )
    readonly_fields = ("id", "more")
    pairs_are_indexed = True

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Signal | None:
        """Return one signal from the one partition that its id names."""
        try:
            return signal_by_id(UUID(object_id))
        except ValueError:
            return None


@admin.register(Outcome)
class OutcomeAdmin(FoundByMeaning):
    """What became of signals, newest first."""

    list_display = (
        *("timestamp", "signal_type", "pair", "timeframe", "strategy_name"),
        *("strength_level", "state", "move_1", "move_4", "move_24"),
        *("best_24", "worst_24", "missing_24"),
    )
    list_filter = (
        SignalPeriodFilter,
        *("state", "signal_type", "strength_level"),
        StrategyFilter,
    )
    search_help_text = _("The whole name of a strategy, or a signal's number")
    readonly_fields = ("id", "more")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Outcome | None:
        """Return one outcome from the one partition that its id names."""
        try:
            identifier = UUID(object_id)
        except ValueError:
            return None
        moment = moment_of(identifier)
        if moment is None:
            return None
        return Outcome.objects.filter(pk=identifier, timestamp=moment).first()


@admin.register(OutcomeWork)
class OutcomeWorkAdmin(HistoryAdmin):
    """Signals whose outcome is open, what is due first."""

    list_display = (
        *("due_at", "timestamp", "signal_type", "pair", "timeframe"),
        *("strategy_name", "known", "tries", "reason"),
    )
    readonly_fields = ("id", "more")

    @admin.display(description=_("more"))
    def more(self, row: OutcomeWork) -> str:
        """Links to everything about the same signal."""
        return links(signal_places(row.pk, row.timestamp, row.strategy_id))


@admin.register(OutcomeDay)
class OutcomeDayAdmin(HistoryAdmin):
    """Sums of outcomes by day, from which statistics are made."""

    list_display = (
        *("day", "strategy_id", "strategy_name", "strength_level", "signal_type"),
        *("is_exit", "signals", "unknown", "count_24", "right_24"),
    )
    list_filter = ("strength_level", "signal_type", "is_exit")


class OwnAdmin(HistoryAdmin):
    """What belongs to one person, the last made first."""

    # The only index without a person.
    ordering = ("-id",)
    list_select_related = ("user",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Show everybody's to administrators; to others their own: notes are private."""
        rows = super().get_queryset(request)
        if request.user.has_perm(ADMINISTER):
            return rows
        return rows.filter(user_id=request.user.pk or 0)


@admin.register(SignalChoice)
class SignalChoiceAdmin(OwnAdmin):
    """What people took and skipped, the last made first."""

    list_display = ("timestamp", "user", "choice", "note", "updated_at", "signal")
    list_filter = ("choice",)

    @admin.display(description=_("signal"))
    def signal(self, row: SignalChoice) -> str:
        """Link to the signal."""
        where = reverse("admin:signals_app_signal_change", args=[row.signal_id])
        return links([(where, str(row.signal_id))])


@admin.register(SavedFilter)
class SavedFilterAdmin(OwnAdmin):
    """Filters of the history that people keep; each is one's own, so only looked at."""

    list_display = ("name", "user", "query", "is_default", "updated_at")
