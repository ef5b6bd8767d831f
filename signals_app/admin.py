"""Signals in the admin, to be read only."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import admin

from btc_watcher.lib.admin import HistoryAdmin, PeriodFilter
from signals_app.identity import moment_of
from signals_app.models import (
    Outcome,
    OutcomeDay,
    OutcomeWork,
    Signal,
    SignalChoice,
)
from signals_app.selectors import signal_by_id

if TYPE_CHECKING:
    from django.http import HttpRequest


class SignalPeriodFilter(PeriodFilter):
    """The last 31 days by default."""

    column = "timestamp"


@admin.register(Signal)
class SignalAdmin(HistoryAdmin):
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
    )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Signal | None:
        """Return one signal from the one partition that its id names."""
        try:
            return signal_by_id(UUID(object_id))
        except ValueError:
            return None


class OutcomePeriodFilter(PeriodFilter):
    """The last 31 days by default."""

    column = "timestamp"


@admin.register(Outcome)
class OutcomeAdmin(HistoryAdmin):
    """What became of signals, newest first."""

    list_display = (
        *("timestamp", "signal_type", "pair", "timeframe", "strategy_name"),
        *("strength_level", "state", "move_1", "move_4", "move_24"),
        *("best_24", "worst_24", "missing_24"),
    )
    list_filter = (OutcomePeriodFilter, "state", "signal_type", "strength_level")

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


@admin.register(OutcomeDay)
class OutcomeDayAdmin(HistoryAdmin):
    """Sums of outcomes by day, from which statistics are made."""

    list_display = (
        *("day", "strategy_id", "strategy_name", "strength_level", "signal_type"),
        *("is_exit", "signals", "unknown", "count_24", "right_24"),
    )
    list_filter = ("strength_level", "signal_type", "is_exit")


@admin.register(SignalChoice)
class SignalChoiceAdmin(HistoryAdmin):
    """What people took and skipped."""

    list_display = ("timestamp", "user", "choice", "note", "updated_at")
    list_filter = ("choice",)
    list_select_related = ("user",)
