"""The list of errors in the admin: read, resolved and opened again, never typed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from btc_watcher.lib.admin import BoundedAdmin
from btc_watcher.lib.admin_actions import tell
from btc_watcher.lib.admin_filters import PeriodFilter
from monitoring.errors.reading import APPS
from monitoring.errors.services import error_reopen, error_resolve
from monitoring.models import ErrorLog

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


# Libraries whose loggers speak of errors, beside our own apps.
COMPONENTS: Final = ("asyncio", "celery", "channels", "django", "kombu", "root")


class ErrorPeriodFilter(PeriodFilter):
    """Errors that last happened in the last 31 days, unless others are chosen."""

    column = "timestamp"
    periods = (31, 1, 7, 366)


class ComponentFilter(admin.SimpleListFilter):
    """The components that errors name: Django would look through all of the table."""

    title = _("component")
    parameter_name = "component"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return our apps, and whatever else was asked for."""
        names = sorted({*APPS, *COMPONENTS, *filter(None, [self.value()])})
        return [(name, name) for name in names]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ErrorLog]
    ) -> QuerySet[ErrorLog]:
        """Keep one component."""
        wanted = self.value()
        return queryset.filter(component=wanted) if wanted else queryset


@admin.register(ErrorLog)
class ErrorLogAdmin(BoundedAdmin):
    """Groups of errors, the latest first."""

    change_list_template = "monitoring/admin_list.html"
    list_display = ["timestamp", "level", "component", "words", "times", "resolved"]
    list_filter = [ErrorPeriodFilter, "resolved", "level", ComponentFilter]
    search_fields = ["message"]
    search_help_text = _("Words of the message, in the chosen period")
    ordering = ["-timestamp", "-id"]
    readonly_fields = [
        "timestamp",
        "level",
        "component",
        "message",
        "stack_trace",
        "context",
        "resolved",
        "resolved_at",
    ]
    actions = ["resolve", "reopen"]

    def has_add_permission(self, _request: HttpRequest, *_args: Any) -> bool:
        """Nobody writes errors by hand."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        """What was dealt with is resolved, not forgotten."""
        return False

    @admin.display(description=_("message"))
    def words(self, row: ErrorLog) -> str:
        """Return the first line of the message."""
        return row.message.partition("\n")[0][:160]

    @admin.display(description=_("times"))
    def times(self, row: ErrorLog) -> int:
        """Return how often it happened."""
        count = row.context.get("count")
        return count if isinstance(count, int) else 1

    @admin.action(description=_("Mark as resolved"), permissions=["change"])
    def resolve(self, request: HttpRequest, chosen: QuerySet[ErrorLog]) -> None:
        """Resolve the chosen groups."""
        by, now = request.user.get_username(), timezone.now()
        done = sum(error_resolve(row.pk, by=by, now=now) for row in chosen)
        words = ngettext("%(count)d is resolved.", "%(count)d are resolved.", done)
        tell(self, request, words % {"count": done})

    @admin.action(description=_("Open again"), permissions=["change"])
    def reopen(self, request: HttpRequest, chosen: QuerySet[ErrorLog]) -> None:
        """Open the chosen groups again."""
        by, now = request.user.get_username(), timezone.now()
        done = sum(error_reopen(row.pk, by=by, now=now) for row in chosen)
        words = ngettext("%(count)d is open again.", "%(count)d are open again.", done)
        tell(self, request, words % {"count": done})
