"""Measurements in the admin, for whoever wants the figures behind a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.admin import HistoryAdmin
from btc_watcher.lib.admin_filters import PeriodFilter
from monitoring.models import MetricHour, SystemMetric

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class MetricPeriodFilter(PeriodFilter):
    """The last day by default: every 30 seconds each series has a row."""

    column = "timestamp"
    periods = (1, 7, 31)


@admin.register(SystemMetric)
class SystemMetricAdmin(HistoryAdmin):
    """Measurements, the newest first; older ones are averaged and go by themselves."""

    list_display = ("timestamp", "component", "metric_type", "series", "value", "unit")
    list_filter = (MetricPeriodFilter, "component", "metric_type")
    ordering = ("-timestamp", "-id")

    @admin.display(description=_("series"))
    def series(self, row: SystemMetric) -> str:
        """Return which value of the type it is."""
        return str(row.metadata.get("name", ""))


class HourPeriodFilter(PeriodFilter):
    """The last day by default."""

    column = "hour"
    periods = (1, 7, 31)


class ComponentFilter(admin.SimpleListFilter):
    """What is measured: Django would look for it in all of the table."""

    title = _("component")
    parameter_name = "component"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every component."""
        return list(SystemMetric.Component.choices)

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[MetricHour]
    ) -> QuerySet[MetricHour]:
        """Keep one component, when it is one."""
        wanted = self.value()
        if wanted not in SystemMetric.Component.values:
            return queryset
        return queryset.filter(component=wanted)


@admin.register(MetricHour)
class MetricHourAdmin(HistoryAdmin):
    """Means of whole hours, the newest first."""

    list_display = (
        *("hour", "component", "metric_type", "name", "host"),
        *("mean", "low", "high", "unit", "samples"),
    )
    list_filter = (HourPeriodFilter, ComponentFilter)
    ordering = ("-hour", "-id")
