"""The page of the servers, for staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import staff_only
from monitoring.database.page import RANGES, page_of, range_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
@never_cache
@staff_only
def database(request: HttpRequest) -> HttpResponse:
    """Show how PostgreSQL and Redis are; 403 for people who are not staff."""
    chosen = range_of(request.GET.get("range", ""))
    by = "mean" if request.GET.get("by") == "mean" else "total"
    context = page_of(chosen, by, timezone.now()) | {
        "ranges": RANGES,
        "chosen": chosen,
        "by": by,
        "zone": timezone.get_current_timezone_name(),
    }
    return render(request, "monitoring/database.html", context)
