"""The list of errors in the admin: read, resolved and opened again, never typed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from monitoring.errors.services import error_reopen, error_resolve
from monitoring.models import ErrorLog

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    # Generic for the type checker alone: the class takes no index at run time.
    ModelAdmin = admin.ModelAdmin[ErrorLog]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(ErrorLog)
class ErrorLogAdmin(ModelAdmin):
    """Groups of errors, the latest first."""

    change_list_template = "monitoring/admin_list.html"
    list_display = ["timestamp", "level", "component", "words", "times", "resolved"]
    list_filter = ["resolved", "level", "component"]
    search_fields = ["message"]
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
    show_full_result_count = False

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
        messages.success(request, words % {"count": done})

    @admin.action(description=_("Open again"), permissions=["change"])
    def reopen(self, request: HttpRequest, chosen: QuerySet[ErrorLog]) -> None:
        """Open the chosen groups again."""
        by, now = request.user.get_username(), timezone.now()
        done = sum(error_reopen(row.pk, by=by, now=now) for row in chosen)
        words = ngettext("%(count)d is open again.", "%(count)d are open again.", done)
        messages.success(request, words % {"count": done})
