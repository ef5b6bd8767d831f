"""The audit in the admin: to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.audit.shown import kind_words, kinds
from accounts.models import AuditEntry, User
from btc_watcher.lib.admin import HistoryAdmin
from btc_watcher.lib.admin_filters import LinkedFilter, PeriodFilter

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class AuditPeriod(PeriodFilter):
    """The last 31 days unless others are chosen."""

    column = "at"
    periods = (31, 1, 7, 366)


class KindFilter(admin.SimpleListFilter):
    """The tables that are watched: Django would look for those in all of the audit."""

    title = _("kind")
    parameter_name = "target"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every kind in words."""
        return kinds()

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        """Keep one kind."""
        wanted = self.value()
        return queryset.filter(target=wanted) if wanted else queryset


class PersonFilter(LinkedFilter):
    """What one person changed."""

    model = User
    title = _("person")
    parameter_name = column = "actor_id"
    ordering = "username"


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
    list_filter = (AuditPeriod, "action", KindFilter, PersonFilter)
    search_fields = ("actor_name", "target_name", "target_id__exact")
    search_help_text = _(
        "A person, or the name or number of what was changed, in the chosen period"
    )
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
