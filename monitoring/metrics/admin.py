"""Single measurements in the admin, for whoever wants the figures behind a chart."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.admin import HistoryAdmin
from monitoring.models import SystemMetric


@admin.register(SystemMetric)
class SystemMetricAdmin(HistoryAdmin):
    """Measurements, the newest first; older ones are averaged and go by themselves."""

    list_display = ("timestamp", "component", "metric_type", "series", "value", "unit")
    list_filter = ("component", "metric_type")

    @admin.display(description=_("series"))
    def series(self, row: SystemMetric) -> str:
        """Return which value of the type it is."""
        return str(row.metadata.get("name", ""))
