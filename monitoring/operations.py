"""What the pages of operations share: who may see them, who may ask for work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts import permissions
from monitoring.runs.shown import run_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest, HttpResponse

    View = Callable[..., HttpResponse]

# Whoever may change what runs by itself may also have it run now.
OPERATE: Final = "django_celery_beat.change_periodictask"
# A part of a page that sees its run end has the whole page loaded again.
RELOAD: Final = "HX-Refresh"


def may_operate(request: HttpRequest) -> bool:
    """Whether this person may start backups and rotations."""
    return bool(request.user.is_staff and request.user.has_perm(OPERATE))


def staff_only(view: View) -> View:
    """Send nobody to the login, and answer 403 to people who are not staff."""
    return never_cache(permissions.staff_only(view))


def operators_only(view: View) -> View:
    """The same, for people who may also start work."""
    return never_cache(permissions.staff_only(view, OPERATE))


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any]
) -> HttpResponse:
    """Render a page or a part of one."""
    shared = {
        "now": timezone.now(),
        "zone": timezone.get_current_timezone_name(),
        "may_operate": may_operate(request),
    }
    return render(request, f"monitoring/{template}", shared | dict(context))


def run_part(request: HttpRequest, kind: str, *, address: str) -> HttpResponse:
    """Return the part that says how far a run is; when it is over the page loads again.

    ``address`` is where the part asks for itself.
    """
    run = run_shown(kind)
    response = page(request, "operations_parts/run.html", {"run": run, "live": address})
    if run is None or not run.is_open:
        response.headers[RELOAD] = "true"
    return response
