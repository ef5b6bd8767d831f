"""The audit in the admin: to look at."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.audit.shown import kind_words
from accounts.models import AuditEntry
from btc_watcher.lib.admin import HistoryAdmin, PeriodFilter


class AuditPeriod(PeriodFilter):
    """The last 31 days unless others are chosen."""

    column = "at"


@admin.register(AuditEntry)
class AuditEntryAdmin(HistoryAdmin):
    """Who changed what: to look at."""

    list_display = (
        "at",
        "actor_name",
        "via",
        "action",
        "kind",
        "target_name",
        "target_id",
    )
    list_filter = (AuditPeriod, "action", "target")
    search_fields = ("actor_name", "target_name", "=target_id")
    search_help_text = _("A person, or the name or number of what was changed")
    fields = readonly_fields = (
        "at",
        "actor_name",
        "actor_id",
        "via",
        "ip_address",
        "action",
        "kind",
        "target_id",
        "target_name",
        "before",
        "after",
    )

    @admin.display(description=_("kind"))
    def kind(self, entry: AuditEntry) -> str:
        """Return what the object is called."""
        return kind_words(entry.target)
