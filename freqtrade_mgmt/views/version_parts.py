"""What the pages of releases and operations share: who may, and what every page knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.shortcuts import render
from django.utils import timezone

from accounts.permissions import needs
from freqtrade_mgmt.version_pages.words import said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest, HttpResponse

    from btc_watcher.lib.errors import BtcWatcherError

    View = Callable[..., HttpResponse]

MANAGE: Final = "freqtrade_mgmt.change_freqtradeversion"


def managers_only(view: View) -> View:
    """Let a view in for people who may install and upgrade; others get 403 or the login."""
    return needs(MANAGE)(view)


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """Render a page or a part of one, with who may do what."""
    shared = {
        "now": timezone.now(),
        "zone": timezone.get_current_timezone_name(),
        "may_manage": request.user.has_perm(MANAGE),
    }
    name = f"freqtrade_mgmt/versions/{template}"
    return render(request, name, shared | dict(context), status=status)


def refused(request: HttpRequest, error: BtcWatcherError) -> None:
    """Tell why something was not begun."""
    messages.error(request, said(error.message))
