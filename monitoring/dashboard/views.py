"""The dashboard, and what of it is fetched again every ten seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from monitoring.dashboard.page import dashboard as everything

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

REFRESH_SECONDS: Final = 10


@require_GET
@never_cache
@reads
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show what needs attention, and how everything is."""
    return render(request, "monitoring/dashboard.html", _context(request))


@require_GET
@never_cache
@reads
def dashboard_part(request: HttpRequest) -> HttpResponse:
    """Return the parts of the page as they are now."""
    return render(request, "monitoring/dashboard_parts/all.html", _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    staff = bool(getattr(request.user, "is_staff", False))
    return everything(timezone.now(), staff=staff) | {"seconds": REFRESH_SECONDS}
