"""Logins and API tokens in the admin: to look at, and to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import services
from accounts.models import User, UserSession
from accounts.selectors import session_view
from btc_watcher.lib.admin import BoundedAdmin
from btc_watcher.lib.admin_actions import asks_first
from btc_watcher.lib.admin_filters import linked

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


@admin.register(UserSession)
class UserSessionAdmin(BoundedAdmin):
    """Logins and API tokens: to look at, and to end."""

    list_display = (
        "user",
        "kind",
        "label",
        "rights",
        "ip_address",
        "created_at",
        "last_used_at",
        "expires_at",
    )
    list_select_related = ("user",)
    list_filter = (
        "expires_at",
        linked(User, _("person"), "user_id", ordering="username"),
    )
    search_fields = ("user__username", "ip_address", "name", "user_agent")
    # The index that they are removed by.
    ordering = ("-expires_at", "-id")
    fields = readonly_fields = (
        "user",
        "kind",
        "label",
        "rights",
        "ip_address",
        "created_at",
        "last_used_at",
        "expires_at",
    )
    actions = ("revoke",)

    @admin.display(description=_("scopes"))
    def rights(self, row: UserSession) -> str:
        """Return what a token may do."""
        return str(_("all")) if row.scopes is None else ", ".join(row.scopes)

    @admin.display(description=_("kind"))
    def kind(self, row: UserSession) -> str:
        """Return what the row belongs to."""
        return str(_("browser") if session_view(row).is_browser else _("API token"))

    @admin.display(description=_("name or program"))
    def label(self, row: UserSession) -> str:
        """Return the token's name, or the browser."""
        shown = session_view(row)
        return shown.name or shown.user_agent

    @admin.action(
        description=_("End the selected sessions and tokens"), permissions=["delete"]
    )
    @asks_first(_("Browsers are logged out at once, and programs with a token stop."))
    def revoke(self, request: HttpRequest, rows: QuerySet[UserSession]) -> None:
        """End the chosen sessions at once."""
        count = sum(
            services.session_revoke(session_id=identifier)
            for identifier in rows.values_list("id", flat=True)
        )
        sentence = ngettext(
            "%(count)d session was ended.", "%(count)d sessions were ended.", count
        ) % {"count": count}
        self.message_user(request, sentence, messages.SUCCESS)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer ending under its own name only."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Sessions are made by logging in."""
        return False

    def has_change_permission(
        self,
        request: HttpRequest,
        obj: UserSession | None = None,
    ) -> bool:
        """Nothing about a session can be edited."""
        return False
