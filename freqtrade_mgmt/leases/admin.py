"""The nodes in the admin: looked at, emptied, filled again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from btc_watcher.lib.admin import ReadOnlyAdmin
from freqtrade_mgmt.leases.managing import ListedNode, node_drain, nodes_list
from freqtrade_mgmt.leases.models import SupervisorNode

if TYPE_CHECKING:
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

    @admin.display(description=_("state"))
    def state(self, row: SupervisorNode) -> str:
        """Whether it lives."""
        return str(STATES[_seen(row).state])

    @admin.display(description=_("bots"))
    def bots(self, row: SupervisorNode) -> int:
        """How many strategies it holds."""
        return _seen(row).bots

    @admin.display(description=_("does the work for all"), boolean=True)
    def duties(self, row: SupervisorNode) -> bool:
        """Whether installations, trials and upgrades are done there."""
        return _seen(row).duties

    @admin.action(description=_("Empty: move the bots away"), permissions=["manage"])
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


def _seen(row: SupervisorNode) -> ListedNode:
    """Look at a node; there are a few of them."""
    return next(node for node in nodes_list() if node.name == row.name)
