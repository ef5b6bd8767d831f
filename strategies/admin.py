"""Strategies, their versions and their processes in the admin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from btc_watcher.lib.admin import HistoryAdmin, links
from btc_watcher.lib.admin_actions import asks_first, tell
from btc_watcher.lib.admin_filters import LinkedFilter
from strategies.host_words import own_text
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


# Changed with every candle, and long.
UNLISTED: Final = ("config", "freqtrade_config", "performance_metrics")


class StrategyFilter(LinkedFilter):
    """Rows of one strategy; drafts have none."""

    model = Strategy
    title = _("strategy")
    parameter_name = column = "strategy_id"

    def of(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Offer what is no draft."""
        return super().of(rows).filter(is_draft=False)


@admin.register(Strategy)
class StrategyAdmin(StrategyModelAdmin):
    """Strategies: look at them, start, stop and restart them."""

    list_display = ("name", "status", "reason", "type", "version", "is_draft", "more")
    list_filter = ("status", "type", "is_draft")
    search_fields = ("name",)
    actions = ("start", "stop", "restart")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Strategy]:
        """Leave code and figures where they are while only names are listed."""
        rows: QuerySet[Strategy] = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("_changelist")
        return rows.defer(*UNLISTED) if is_list else rows

    def get_fields(self, request: HttpRequest, obj: Strategy | None = None) -> Any:
        """Show every column, the secrets among them as marks."""
        shown = [field.name for field in Strategy._meta.fields]  # noqa: SLF001 - Django's public name
        for name in ("freqtrade_config", "health_metrics"):
            shown[shown.index(name)] = f"shown_{name}"
        return ["more", *shown]

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

    @admin.display(description=_("health"))
    def shown_health_metrics(self, strategy: Strategy) -> str:
        """What was measured; the word of its webhook is half of a secret."""
        shown = dict(strategy.health_metrics)
        hook = shown.get("hook")
        if isinstance(hook, dict):
            shown["hook"] = hook | {"word": "***"}
        return json.dumps(shown, ensure_ascii=False, default=str)

    @admin.display(description=_("more"))
    def more(self, strategy: Strategy) -> str:
        """Links to its page and to everything that is about it."""
        lists = (
            ("signals_app_signal", _("signals")),
            ("strategies_strategyversion", _("versions")),
            ("strategies_strategyprocess", _("processes")),
        )
        pages = (
            (reverse("strategies:detail", args=[strategy.pk]), _("page and health")),
        )
        # Drafts have a page of their own kind, and nothing else yet.
        return links(
            (
                *(() if strategy.is_draft else pages),
                *(
                    (f"{reverse(f'admin:{n}_changelist')}?strategy_id={strategy.pk}", w)
                    for n, w in lists
                ),
            )
        )

    @admin.action(description=_("Start"), permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        """Ask for the chosen strategies to run."""
        self._change_each(request, queryset, "start")

    @admin.action(description=_("Stop"), permissions=["change"])
    @asks_first(_("Their bots end, and no signal comes until they are started again."))
    def stop(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        """Ask for the chosen strategies to stop."""
        self._change_each(request, queryset, "stop")

    @admin.action(description=_("Restart"), permissions=["change"])
    @asks_first(
        _("Their bots are replaced; candles of this minute are filled in later.")
    )
    def restart(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        """Ask for the bots of the chosen strategies to be replaced."""
        self._change_each(request, queryset, "restart")

    def _change_each(
        self, request: HttpRequest, queryset: QuerySet[Strategy], action: str
    ) -> None:
        changed = strategies_change(queryset.values_list("pk", flat=True), action)
        said = ngettext(
            "%(count)d strategy was asked.",
            "%(count)d strategies were asked.",
            len(changed.done),
        )
        tell(self, request, said % {"count": len(changed.done)}, changed.refused)


@admin.register(StrategyVersion)
class StrategyVersionAdmin(HistoryAdmin):
    """Snapshots of what strategies ran, the last first."""

    list_display = ("strategy", "version", "is_active", "change_summary", "created_at")
    list_filter = ("is_active", StrategyFilter)
    list_select_related = ("strategy",)
    ordering = ("-id",)
    fields = readonly_fields = (
        *("strategy", "version", "change_summary", "is_active", "created_at"),
        "snapshot",
    )

    @admin.display(description=_("snapshot"))
    def snapshot(self, version: StrategyVersion) -> str:
        """What it ran, with a mark in place of each secret."""
        shown = dict(version.config_snapshot)
        if isinstance(shown.get("freqtrade_config"), dict):
            shown["freqtrade_config"] = without_secrets(shown["freqtrade_config"])
        return json.dumps(shown, ensure_ascii=False, default=str)


@admin.register(StrategyProcess)
class StrategyProcessAdmin(HistoryAdmin):
    """Processes that ran strategies, and how they ended, the last begun first."""

    list_display = (
        *("strategy", "pid", "host", "status", "start_time", "stop_time"),
        "reason",
    )
    list_filter = ("status", StrategyFilter)
    list_select_related = ("strategy",)
    # The only index in order of time.
    ordering = ("-id",)

    @admin.display(description=_("shared process"))
    def host(self, process: StrategyProcess) -> str:
        """The process that it shares with others, or why it has one of its own."""
        usage = process.resource_usage
        own = own_text(str(usage.get("own") or ""), "").rstrip(": ")
        return str(usage.get("runner") or own)

    @admin.display(description=_("reason"))
    def reason(self, process: StrategyProcess) -> str:
        """How it ended, in words."""
        return str(process.resource_usage.get("reason", ""))
