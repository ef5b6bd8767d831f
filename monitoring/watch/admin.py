"""What the watch remembers, in the admin, to be read only."""

from __future__ import annotations

from django.contrib import admin

from btc_watcher.lib.admin import ReadOnlyAdmin
from monitoring.watch.models import WatchState


@admin.register(WatchState)
class WatchStateAdmin(ReadOnlyAdmin):
    """One row for each kind of trouble that is watched for."""

    change_list_template = "monitoring/admin_list.html"
    list_display = ("kind", "wrong_since", "right_since", "told")
    list_filter = ("told",)
    search_fields = ("kind",)
