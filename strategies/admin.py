"""Strategies and their processes in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from btc_watcher.lib.admin import HistoryAdmin, ReadOnlyAdmin
from strategies.lifecycle import IllegalChangeError
from strategies.models import Strategy, StrategyProcess, StrategyVersion
from strategies.services import strategy_start, strategy_stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest

    # Generic for the type checker alone: the class takes no index at run time.
    StrategyModelAdmin = admin.ModelAdmin[Strategy]
else:
    StrategyModelAdmin = admin.ModelAdmin


@admin.register(Strategy)
class StrategyAdmin(StrategyModelAdmin):
    """Strategies: look at them, start and stop them."""

    list_display = ("name", "status", "reason", "type", "version", "updated_at")
    list_filter = ("status", "type", "is_draft")
    search_fields = ("name",)
    actions = ("start", "stop")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Strategy | None = None
    ) -> Any:
        """Nothing is written here: a change of what runs needs a version."""
        return [field.name for field in Strategy._meta.fields]  # noqa: SLF001 - Django's public name

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Strategies are made by the services."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Strategy | None = None
    ) -> bool:
        """Signals name their strategy for ever: stop it instead."""
        return False

    @admin.display(description=_("reason"))
    def reason(self, strategy: Strategy) -> str:
        """Why it is in error, or is being started again."""
        return str(strategy.health_metrics.get("reason", ""))

    @admin.action(description=_("Start"), permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        """Ask for the chosen strategies to run."""
        self._change_each(request, queryset, strategy_start)

    @admin.action(description=_("Stop"), permissions=["change"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        """Ask for the chosen strategies to stop."""
        self._change_each(request, queryset, strategy_stop)

    def _change_each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Strategy],
        change: Callable[[int], Strategy],
    ) -> None:
        done = 0
        for strategy in queryset:
            try:
                change(strategy.pk)
            except IllegalChangeError as error:
                self.message_user(request, error.message, messages.ERROR)
            else:
                done += 1
        said = ngettext(
            "%(count)d strategy was asked.", "%(count)d strategies were asked.", done
        )
        self.message_user(request, said % {"count": done})


@admin.register(StrategyVersion)
class StrategyVersionAdmin(ReadOnlyAdmin):
    """Snapshots of what strategies ran."""

    list_display = ("strategy", "version", "is_active", "created_at")
    list_select_related = ("strategy",)


@admin.register(StrategyProcess)
class StrategyProcessAdmin(HistoryAdmin):
    """Processes that ran strategies, and how they ended."""

    list_display = ("strategy", "pid", "status", "start_time", "stop_time", "reason")
    list_filter = ("status",)
    list_select_related = ("strategy",)

    @admin.display(description=_("reason"))
    def reason(self, process: StrategyProcess) -> str:
        """How it ended, in words."""
        return str(process.resource_usage.get("reason", ""))
