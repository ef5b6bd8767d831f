"""What the pages of proxies share: who may, which proxy, where to go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from proxies.models import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

ADD: Final = "proxies.add_proxy"
CHANGE: Final = "proxies.change_proxy"
DELETE: Final = "proxies.delete_proxy"


def proxy_or_404(number: int) -> Proxy:
    """Return a proxy."""
    return get_object_or_404(Proxy, pk=number)


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
        "here": request.get_full_path() if request.method == "GET" else request.path,
        "may_add": request.user.has_perm(ADD),
        "may_change": request.user.has_perm(CHANGE),
        "may_delete": request.user.has_perm(DELETE),
    }
    name = f"proxies/{template}"
    return render(request, name, shared | dict(context), status=status)


def back(request: HttpRequest, otherwise: str, *args: int) -> HttpResponse:
    """Return to ``next`` when it is an address of ours, otherwise to a named page."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(wanted) if safe else redirect(otherwise, *args)
