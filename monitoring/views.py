"""The address that monitors ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import anyone
from monitoring.health import health as system_health
from monitoring.readiness import readiness

if TYPE_CHECKING:
    from django.http import HttpRequest


@anyone
@login_not_required
@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 when signals can arrive and leave, else 503; a word per component."""
    report = system_health.report()
    return _answer(report, well=report["status"] != "unavailable")


@anyone
@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Answer 200 while this process answers at all; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@anyone
@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when this process can serve pages, else 503.

    Redis is named but does not count: without it pages are slower, not gone.
    """
    report = readiness.report()
    return _answer(report, well=report["status"] == "ok")


def _answer(report: dict[str, str], *, well: bool) -> JsonResponse:
    response = JsonResponse(report, status=200 if well else 503)
    # Django would log a 503 as an error of ours, at every start and every question.
    response._has_been_logged = True  # type: ignore[attr-defined] # noqa: SLF001
    return response
