"""Releases of freqtrade and their history in the admin: read, and asked for changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from btc_watcher.lib.admin import ReadOnlyAdmin
from btc_watcher.lib.admin_actions import asks_first, tell
from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.dispatch import releases_being_asked, releases_refresh_soon
from freqtrade_mgmt.leases.admin import (
    LeaseNoteAdmin,
    StrategyLeaseAdmin,
    SupervisorNodeAdmin,
)
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.services import install_request, uninstall
from freqtrade_mgmt.upgrades.asking import rollback_request
from freqtrade_mgmt.version_pages.words import said

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

__all__ = [
    "FreqtradeUpgradeAdmin",
    "FreqtradeVersionAdmin",
    "LeaseNoteAdmin",
    "StrategyLeaseAdmin",
    "SupervisorNodeAdmin",
]
REFRESH = "refresh"


class ManagedAdmin(ReadOnlyAdmin):
    """Rows that are only read, with actions for people who may manage releases."""

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may install, upgrade and roll back."""
        return request.user.has_perm("freqtrade_mgmt.change_freqtradeversion")

    def each(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        service: Callable[[Any], object],
        words: Callable[[int], str],
    ) -> None:
        """Ask for every row; tell how many were accepted, and why others were not."""
        done, refused = 0, []
        for row in rows:
            try:
                service(row)
            except BtcWatcherError as error:
                refused.append(said(error.message))
            else:
                done += 1
        tell(self, request, words(done) % {"count": done}, refused)


@admin.register(FreqtradeVersion)
class FreqtradeVersionAdmin(ManagedAdmin):
    """Releases, and where they are installed."""

    list_display = (
        "version",
        "type",
        "release_date",
        "python",
        "is_installed",
        "install_date",
        "startup",
        "memory",
        "install_path",
    )
    list_filter = ("is_installed", "type")
    search_fields = ("version",)
    actions = (REFRESH, "install", "uninstall")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Take the refresh of the list without a chosen row: it is about all of them."""
        if request.POST.get("action") == REFRESH and not request.POST.getlist(
            ACTION_CHECKBOX_NAME
        ):
            given = request.POST.copy()
            given.setlist(ACTION_CHECKBOX_NAME, ["0"])
            request.POST = given  # type: ignore[assignment]  # as the admin's own code does
        return super().changelist_view(request, extra_context)

    @admin.display(description="Python")
    def python(self, row: FreqtradeVersion) -> str:
        """The Python that it asks for."""
        return str(row.compatibility_info.get("python") or "-")

    @admin.display(description=_("start, s"))
    def startup(self, row: FreqtradeVersion) -> str:
        """The seconds to the first analysed candles, as measured."""
        return str(row.compatibility_info.get("startup_seconds") or "-")

    @admin.display(description=_("memory, MB"))
    def memory(self, row: FreqtradeVersion) -> str:
        """What one bot held, as measured."""
        return str(row.compatibility_info.get("memory_mb") or "-")

    @admin.action(description=_("Refresh the list"), permissions=["manage"])
    def refresh(
        self, request: HttpRequest, queryset: QuerySet[FreqtradeVersion]
    ) -> None:
        """Have the package index asked."""
        releases_refresh_soon()
        if releases_being_asked():
            self.message_user(request, _("The package index is being asked."))
        else:
            words = _("The queue of tasks is away, so nobody could be asked.")
            self.message_user(request, words, messages.ERROR)

    @admin.action(description=_("Install"), permissions=["manage"])
    def install(
        self, request: HttpRequest, queryset: QuerySet[FreqtradeVersion]
    ) -> None:
        """Ask the supervisor to install the chosen releases, one after the other."""
        user = _user(request)
        self.each(
            request,
            queryset,
            lambda row: install_request(row.version, user=user),
            lambda done: ngettext(
                "%(count)d release is going to be installed.",
                "%(count)d releases are going to be installed.",
                done,
            ),
        )

    @admin.action(description=_("Uninstall"), permissions=["manage"])
    @asks_first(_("Their environments are removed; who needs one stays as it is."))
    def uninstall(
        self, request: HttpRequest, queryset: QuerySet[FreqtradeVersion]
    ) -> None:
        """Remove the environments of the chosen releases that nobody needs."""
        self.each(
            request,
            queryset,
            lambda row: uninstall(row.version),
            lambda done: ngettext(
                "%(count)d release is uninstalled.",
                "%(count)d releases are uninstalled.",
                done,
            ),
        )


@admin.register(FreqtradeUpgrade)
class FreqtradeUpgradeAdmin(ManagedAdmin):
    """Installations, upgrades and downgrades."""

    list_display = (
        "id",
        "from_version",
        "to_version",
        "kind",
        "status",
        "started_at",
        "completed_at",
        "user",
        "more",
    )
    list_filter = ("status", "upgrade_type")
    list_select_related = ("user",)
    search_fields = ("to_version", "from_version")
    actions = ("roll_back",)

    @admin.display(description=_("type"), ordering="upgrade_type")
    def kind(self, row: FreqtradeUpgrade) -> str:
        """What was done; a check is stored as the move that it was made for."""
        if row.migration_log.get("only_check"):
            return str(_("check of the strategies"))
        return row.get_upgrade_type_display()

    @admin.display(description=_("more"))
    def more(self, row: FreqtradeUpgrade) -> str:
        """A link to the page that shows how it goes."""
        address = reverse("freqtrade_mgmt:operation", args=[row.pk])
        return format_html('<a href="{}">{}</a>', address, _("steps"))

    @admin.action(description=_("Roll back"), permissions=["manage"])
    @asks_first(_("Bots that were moved are started again on the version before."))
    def roll_back(
        self, request: HttpRequest, queryset: QuerySet[FreqtradeUpgrade]
    ) -> None:
        """Ask for everything to go back."""
        user = _user(request)
        self.each(
            request,
            queryset,
            lambda row: rollback_request(row.pk, user=user),
            lambda done: ngettext(
                "%(count)d operation is rolled back.",
                "%(count)d operations are rolled back.",
                done,
            ),
        )


def _user(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
