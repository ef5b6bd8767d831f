"""What the pages of strategies share: who asks, which strategy, where to go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import User
from strategies.selectors import strategy_by_id

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from strategies.models import Strategy

CHANGE = "strategies.change_strategy"
TRADE = "strategies.trade_live"


def strategy_or_404(pk: int) -> Strategy:
    """Return a strategy that is no draft."""
    strategy = strategy_by_id(pk)
    if strategy is None:
        raise Http404
    return strategy


def person(request: HttpRequest) -> User:
    """Return who asks; login_required has seen to it that there is somebody."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def back(request: HttpRequest, otherwise: str, *args: int) -> HttpResponse:
    """Return to ``next`` when it is an address of ours, otherwise to a named page."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(wanted) if safe else redirect(otherwise, *args)
