"""The nodes in the admin: looked at, emptied, filled again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from btc_watcher.lib.admin import ReadOnlyAdmin, links
from btc_watcher.lib.admin_actions import asks_first
from freqtrade_mgmt.leases.managing import ListedNode, node_drain, nodes_list
from freqtrade_mgmt.leases.models import LeaseNote, StrategyLease, SupervisorNode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest

STATES = {
    "live": _("live"),
    "draining": _("being emptied"),
    "silent": _("silent"),
    "dead": _("does not answer"),
    "stopped": _("stopped"),
}


@admin.register(SupervisorNode)
class SupervisorNodeAdmin(ReadOnlyAdmin):
    """The machines whose supervisors run bots."""

    list_display = (
        "name",
        "state",
        "bots",
        "capacity",
        "duties",
        "guards",
        "address",
        "started_at",
        "seen_at",
        "stopped_at",
    )
    search_fields = ("name", "address")
    actions = ("drain", "undrain")

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may move bots between machines."""
        return request.user.has_perm("freqtrade_mgmt.change_supervisornode")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look at all nodes of the list at once."""
        found = super().get_changelist_instance(request)
        _look(found.result_list)
        return found

    @admin.display(description=_("state"))
    def state(self, row: SupervisorNode) -> str:
        """Whether it lives."""
        seen = _seen(row)
        return str(STATES[seen.state]) if seen else ""

    @admin.display(description=_("bots"))
    def bots(self, row: SupervisorNode) -> int:
        """How many strategies it holds."""
        seen = _seen(row)
        return seen.bots if seen else 0

    @admin.display(description=_("does the work for all"), boolean=True)
    def duties(self, row: SupervisorNode) -> bool:
        """Whether installations, trials and upgrades are done there."""
        seen = _seen(row)
        return seen is not None and seen.duties

    @admin.action(description=_("Empty: move the bots away"), permissions=["manage"])
    @asks_first(_("Their bots are stopped there and started on the other machines."))
    def drain(self, request: HttpRequest, queryset: QuerySet[SupervisorNode]) -> None:
        """Have the bots of the chosen nodes move to the others."""
        self._set(request, queryset, draining=True)

    @admin.action(description=_("Take bots again"), permissions=["manage"])
    def undrain(self, request: HttpRequest, queryset: QuerySet[SupervisorNode]) -> None:
        """Let the chosen nodes take bots again."""
        self._set(request, queryset, draining=False)

    def _set(
        self, request: HttpRequest, rows: QuerySet[Any], *, draining: bool
    ) -> None:
        names = list(rows.values_list("pk", flat=True))
        for name in names:
            node_drain(name, draining=draining)
        words = (
            ngettext(
                "%(count)d node is being emptied.",
                "%(count)d nodes are being emptied.",
                len(names),
            )
            if draining
            else ngettext(
                "%(count)d node takes bots again.",
                "%(count)d nodes take bots again.",
                len(names),
            )
        )
        self.message_user(request, words % {"count": len(names)}, messages.SUCCESS)


@admin.register(StrategyLease)
class StrategyLeaseAdmin(ReadOnlyAdmin):
    """Which machine may run which strategy, and until when."""

    list_display = (
        *("strategy", "node", "expires_at", "guarded", "came_from", "taken_at", "term"),
    )
    list_filter = ("guarded",)
    search_fields = ("node",)

    @admin.display(description=_("strategy"), ordering="strategy_id")
    def strategy(self, row: StrategyLease) -> str:
        """Link to the strategy; number 0 is the work for all."""
        return _strategy_link(row.strategy_id)


@admin.register(LeaseNote)
class LeaseNoteAdmin(ReadOnlyAdmin):
    """Why a machine does not try a strategy for now."""

    list_display = ("strategy", "node", "reason", "failures", "noted_at", "until")
    search_fields = ("node", "reason")

    @admin.display(description=_("strategy"), ordering="strategy_id")
    def strategy(self, row: LeaseNote) -> str:
        """Link to the strategy."""
        return _strategy_link(row.strategy_id)


def _strategy_link(number: int) -> str:
    if not number:
        return str(_("the work for all machines"))
    where = reverse("admin:strategies_strategy_change", args=[number])
    return links([(where, f"#{number}")])


def _seen(row: SupervisorNode) -> ListedNode | None:
    """Return what is known of a node, read once for a list; None when it is gone."""
    if not hasattr(row, "listed"):
        _look([row])
    found: ListedNode | None = row.listed  # type: ignore[attr-defined]  # a note of ours
    return found


def _look(rows: Iterable[SupervisorNode]) -> None:
    seen = {node.name: node for node in nodes_list()}
    for row in rows:
        row.listed = seen.get(row.name)  # type: ignore[attr-defined]  # a note of ours
