"""The processes of the system: looked at, and removed when a machine is gone for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from btc_watcher.lib.admin import ReadOnlyAdmin
from monitoring.heartbeats.models import ProcessHeartbeat

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(ProcessHeartbeat)
class ProcessHeartbeatAdmin(ReadOnlyAdmin):
    """Rows that the processes write themselves."""

    change_list_template = "monitoring/admin_list.html"
    list_display = (
        "role",
        "name",
        "host",
        "pid",
        "started_at",
        "seen_at",
        "stopped_at",
    )
    list_filter = ("role",)
    search_fields = ("name", "host")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A dead process that will not come back is forgotten; a living one returns."""
        return bool(request.user.has_perm("monitoring.delete_processheartbeat"))
