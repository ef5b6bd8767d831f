"""The page of the system, its numbers, and the address for Prometheus."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import anyone, reads
from monitoring.metrics.charts import RANGES, charts_data, range_of
from monitoring.metrics.now import system_now
from monitoring.metrics.prometheus import CONTENT_TYPE, exposition

if TYPE_CHECKING:
    from django.http import HttpRequest


@require_GET
@never_cache
@reads
def system(request: HttpRequest) -> HttpResponse:
    """Show how the system is, with charts of the chosen period."""
    chosen = range_of(request.GET.get("range", ""))
    context: dict[str, Any] = {
        "ranges": RANGES,
        "chosen": chosen,
        "data": charts_data(chosen),
    }
    return render(request, "monitoring/system.html", context | _now())


@require_GET
@never_cache
@reads
def system_data(request: HttpRequest) -> JsonResponse:
    """Return the charts of a period as JSON, for the page to draw anew."""
    return JsonResponse(charts_data(range_of(request.GET.get("range", ""))))


@require_GET
@never_cache
@reads
def system_part(request: HttpRequest) -> HttpResponse:
    """Return the upper part of the page, as it is now."""
    return render(request, "monitoring/parts/now.html", _now())


@require_GET
@never_cache
@anyone
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus, which knows the token; without one there is no such page."""
    token: str = settings.METRICS_TOKEN
    if not token:
        return HttpResponse(status=404)
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        answer = HttpResponse(
            "Send the header Authorization: Bearer TOKEN.\n", status=401
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        answer.headers["Content-Type"] = "text/plain; charset=utf-8"
        return answer
    return HttpResponse(exposition(timezone.now()), content_type=CONTENT_TYPE)


def _now() -> dict[str, Any]:
    now = timezone.now()
    return {"now": now, "zone": timezone.get_current_timezone_name()} | system_now(now)
