"""What the pages of notifications share: who may, where to go back to, the tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.http import HttpRequest, HttpResponse

CHANGE: Final = "notifications.change_notificationchannel"
ADD: Final = "notifications.add_notificationchannel"
SILENCE: Final = "notifications.add_notificationsilence"
UNSILENCE: Final = "notifications.change_notificationsilence"
TABS: Final = (
    ("history", gettext_lazy("History")),
    ("channels", gettext_lazy("Channels")),
    ("preview", gettext_lazy("Who gets what")),
    ("silences", gettext_lazy("Silences")),
    ("alerts", gettext_lazy("Alerts")),
)


def page(
    request: HttpRequest,
    tab: str,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """Render a page of the section; ``tab`` is the one that it belongs to."""
    shared = {
        "tabs": TABS,
        "tab": tab,
        "now": timezone.now(),
        "zone": timezone.get_current_timezone_name(),
        "here": request.get_full_path() if request.method == "GET" else request.path,
    }
    name = f"notifications/{template}"
    return render(request, name, shared | dict(context), status=status)


def back(request: HttpRequest, otherwise: str, *args: int) -> HttpResponse:
    """Return to ``next`` when it is an address of ours, otherwise to a named page."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(wanted) if safe else redirect(otherwise, *args)


def one_of(text: str, choices: Iterable[Any]) -> Any:
    """Return the choice that ``text`` is, or None."""
    return next((choice for choice in choices if str(choice) == text), None)


def number_of(text: str) -> int | None:
    """Return the whole number that ``text`` is, or None; it fits the database's."""
    known = text.isascii() and text.isdecimal() and len(text) < 10
    return int(text) if known else None
