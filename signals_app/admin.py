"""Signals in the admin, to be read only."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import admin

from btc_watcher.lib.admin import HistoryAdmin, PeriodFilter
from signals_app.models import Signal
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
