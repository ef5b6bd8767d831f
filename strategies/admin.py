"""Strategies, their versions and their processes in the admin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from btc_watcher.lib.admin import HistoryAdmin, ReadOnlyAdmin
from strategies.models import Strategy, StrategyProcess, StrategyVersion
from strategies.services import strategies_change
from strategies.versions import without_secrets

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    # Generic for the type checker alone: the class takes no index at run time.
    StrategyModelAdmin = admin.ModelAdmin[Strategy]
else:
    StrategyModelAdmin = admin.ModelAdmin


@admin.register(Strategy)
class StrategyAdmin(StrategyModelAdmin):
    """Strategies: look at them, start, stop and restart them."""

    list_display = ("name", "status", "reason", "type", "version", "is_draft", "more")
    list_filter = ("status", "type", "is_draft")
    search_fields = ("name",)
    actions = ("start", "stop", "restart")

    def get_fields(self, request: HttpRequest, obj: Strategy | None = None) -> Any:
        """Show every column, the secrets among them as marks."""
        shown = [field.name for field in Strategy._meta.fields]  # noqa: SLF001 - Django's public name
        shown[shown.index("freqtrade_config")] = "shown_freqtrade_config"
        return [*shown, "more"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Strategy | None = None
    ) -> Any:
        """Nothing is written here: a change of what runs needs a version."""
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Strategies are made by the services."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Strategy | None = None
    ) -> bool:
        """Signals name their strategy for ever: stop it instead."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show no button that saves, because there is nothing to save."""
        hidden = {"show_save": False, "show_save_and_continue": False}
        return super().changeform_view(
            request, object_id, form_url, (extra_context or {}) | hidden
        )

    def save_model(
        self, request: HttpRequest, obj: Strategy, form: Any, change: Any
    ) -> None:
        """Write nothing: the row may have moved on since the page was opened."""

    @admin.display(description=_("reason"))
    def reason(self, strategy: Strategy) -> str:
        """Why it is in error, or is being started again."""
        return str(strategy.health_metrics.get("reason", ""))

    @admin.display(description=_("freqtrade configuration"))
    def shown_freqtrade_config(self, strategy: Strategy) -> str:
        """The configuration with a mark in place of each secret."""
        shown = without_secrets(strategy.freqtrade_config)
        return json.dumps(shown, ensure_ascii=False, default=str)

    @admin.display(description=_("more"))
    def more(self, strategy: Strategy) -> str:
        """Links to its versions and its processes."""
        return format_html(
            '<a href="{}?strategy__id__exact={}">{}</a> '
            '<a href="{}?strategy__id__exact={}">{}</a>',
            reverse("admin:strategies_strategyversion_changelist"),
            strategy.pk,
            _("versions"),
            reverse("admin:strategies_strategyprocess_changelist"),
            strategy.pk,
            _("processes"),
        )

    @admin.action(description=_("Start"), permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        """Ask for the chosen strategies to run."""
        self._change_each(request, queryset, "start")

    @admin.action(description=_("Stop"), permissions=["change"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        """Ask for the chosen strategies to stop."""
        self._change_each(request, queryset, "stop")

    @admin.action(description=_("Restart"), permissions=["change"])
    def restart(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        """Ask for the bots of the chosen strategies to be replaced."""
        self._change_each(request, queryset, "restart")

    def _change_each(
        self, request: HttpRequest, queryset: QuerySet[Strategy], action: str
    ) -> None:
        changed = strategies_change(queryset.values_list("pk", flat=True), action)
        for sentence in changed.refused:
            self.message_user(request, sentence, messages.ERROR)
        said = ngettext(
            "%(count)d strategy was asked.",
            "%(count)d strategies were asked.",
            len(changed.done),
        )
        self.message_user(request, said % {"count": len(changed.done)})


@admin.register(StrategyVersion)
class StrategyVersionAdmin(ReadOnlyAdmin):
    """Snapshots of what strategies ran."""

    list_display = ("strategy", "version", "is_active", "change_summary", "created_at")
    list_filter = (("strategy", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("strategy",)


@admin.register(StrategyProcess)
class StrategyProcessAdmin(HistoryAdmin):
    """Processes that ran strategies, and how they ended."""

    list_display = ("strategy", "pid", "status", "start_time", "stop_time", "reason")
    list_filter = ("status", ("strategy", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("strategy",)

    @admin.display(description=_("reason"))
    def reason(self, process: StrategyProcess) -> str:
        """How it ended, in words."""
        return str(process.resource_usage.get("reason", ""))
