"""Operations: how one goes, ending it, going back, and all that there were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import reads
from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.services import install_cancel
from freqtrade_mgmt.upgrades.asking import rollback_request, upgrade_cancel
from freqtrade_mgmt.version_pages.operations import (
    OperationShown,
    operation_shown,
    operations_page,
)
from freqtrade_mgmt.version_pages.words import GROUPS
from freqtrade_mgmt.views.people import person
from freqtrade_mgmt.views.version_parts import managers_only, page, refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

BUSY_SECONDS: Final = 1
# It has ended; only a roll-back may still change it.
ENDED_SECONDS: Final = 30


@require_GET
@never_cache
@reads
def operations(request: HttpRequest) -> HttpResponse:
    """Show the history, the newest first."""
    kind = request.GET.get("kind", "")
    context = {
        "pages": operations_page(request.GET.get("page"), kind=kind),
        "kinds": GROUPS,
        "kind": kind if kind in GROUPS else "",
    }
    return page(request, "history.html", context)


@require_GET
@never_cache
@reads
def operation(request: HttpRequest, number: int) -> HttpResponse:
    """Show an operation as it goes, or as it went."""
    return page(request, "operation.html", _context(number))


@require_GET
@never_cache
@reads
def live(request: HttpRequest, number: int) -> HttpResponse:
    """Return the parts of the page that are fetched again and again."""
    return page(request, "parts/operation.html", _context(number))


@require_POST
@managers_only
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for the end of an operation."""
    shown = _found(number)
    try:
        if shown.kind == "install":
            install_cancel(number)
        else:
            upgrade_cancel(number, user=person(request))
    except BtcWatcherError as error:
        refused(request, error)
    else:
        messages.info(request, _("It is being cancelled."))
    return redirect("freqtrade_mgmt:operation", number)


@require_POST
@managers_only
def roll_back(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for everything to go back."""
    _found(number)
    try:
        rollback_request(number, user=person(request))
    except BtcWatcherError as error:
        refused(request, error)
    else:
        messages.warning(request, _("Everything goes back to the old version."))
    return redirect("freqtrade_mgmt:operation", number)


def _context(number: int) -> dict[str, Any]:
    shown = _found(number)
    return {
        "operation": shown,
        "seconds": BUSY_SECONDS if shown.open else ENDED_SECONDS,
    }


def _found(number: int) -> OperationShown:
    shown = operation_shown(number)
    if shown is None:
        raise Http404
    return shown
