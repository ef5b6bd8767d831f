"""The list of releases, and what is asked of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from accounts.permissions import reads
from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.dispatch import releases_being_asked, releases_refresh_soon
from freqtrade_mgmt.services import (
    install_request,
    uninstall,
    uninstall_obstacles,
)
from freqtrade_mgmt.upgrades.asking import check_request
from freqtrade_mgmt.version_pages.operations import operations_open
from freqtrade_mgmt.version_pages.releases import (
    install_proxies,
    releases_shown,
    version_known,
)
from freqtrade_mgmt.version_pages.words import said
from freqtrade_mgmt.versions.listing import releases_state, version_listed
from freqtrade_mgmt.views.people import person
from freqtrade_mgmt.views.version_parts import MANAGE, managers_only, page, refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

REFRESH_SECONDS: Final = 30
# While something goes on, people wait for it.
BUSY_SECONDS: Final = 1
ALL: Final = "all"


@require_GET
@never_cache
@reads
def versions(request: HttpRequest) -> HttpResponse:
    """Show the releases: installed ones first, then the newest."""
    context = _live(request)
    if request.user.has_perm(MANAGE):
        context["proxies"], context["proxy"] = install_proxies()
    return page(request, "list.html", context)


@require_GET
@never_cache
@reads
def table(request: HttpRequest) -> HttpResponse:
    """Return the parts of the list that are fetched again and again."""
    return page(request, "parts/live.html", _live(request))


@require_POST
@managers_only
def refresh(request: HttpRequest) -> HttpResponse:
    """Have the package index asked for releases."""
    releases_refresh_soon()
    if releases_being_asked():
        messages.info(request, _("The package index is being asked."))
    else:
        messages.error(
            request, _("The queue of tasks is away, so nobody could be asked.")
        )
    return redirect("freqtrade_mgmt:versions")


@require_POST
@managers_only
def install(request: HttpRequest, version: str) -> HttpResponse:
    """Ask for an installation, and show how it goes."""
    _known_or_404(version)
    try:
        row = install_request(
            version, user=person(request), proxy=_number(request.POST.get("proxy", ""))
        )
    except BtcWatcherError as error:
        refused(request, error)
        return redirect("freqtrade_mgmt:versions")
    return redirect("freqtrade_mgmt:operation", row.pk)


@require_POST
@managers_only
def check(request: HttpRequest, version: str) -> HttpResponse:
    """Ask whether the strategies load in a release, and show how it goes."""
    _known_or_404(version)
    try:
        row = check_request(version, user=person(request))
    except BtcWatcherError as error:
        refused(request, error)
        return redirect("freqtrade_mgmt:versions")
    return redirect("freqtrade_mgmt:operation", row.pk)


@require_http_methods(["GET", "POST"])
@never_cache
@managers_only
def remove(request: HttpRequest, version: str) -> HttpResponse:
    """Show what uninstalling means and what is in its way; then do it."""
    listed = version_listed(version)
    if listed is None:
        raise Http404
    if request.method == "POST":
        give_up = request.POST.get("give_up_rollback") == "yes"
        try:
            uninstall(version, give_up_rollback=give_up)
        except BtcWatcherError as error:
            refused(request, error)
            return redirect("freqtrade_mgmt:uninstall", version)
        words = _("freqtrade %(version)s is uninstalled.") % {"version": version}
        messages.success(request, words)
        return redirect("freqtrade_mgmt:versions")
    every = uninstall_obstacles(version)
    firm = uninstall_obstacles(version, give_up_rollback=True)
    context = {
        "listed": listed,
        "obstacles": [said(each) for each in firm],
        "way_back": [said(each) for each in every if each not in firm],
    }
    return page(request, "uninstall.html", context)


def _live(request: HttpRequest) -> dict[str, Any]:
    everything = request.GET.get("show") == ALL
    running = operations_open()
    state = releases_state()
    asked = releases_being_asked()
    return {
        "releases": releases_shown(everything=everything),
        "everything": everything,
        "running": running,
        "state": state,
        "problem": said(state.problem),
        "asked": asked,
        "may_install": request.user.has_perm("freqtrade_mgmt.change_freqtradeversion"),
        "seconds": BUSY_SECONDS if running or asked else REFRESH_SECONDS,
    }


def _known_or_404(version: str) -> None:
    if not version_known(version):
        raise Http404


def _number(text: str) -> int | None:
    known = text.isascii() and text.isdecimal() and len(text) < 10
    return int(text) if known else None
