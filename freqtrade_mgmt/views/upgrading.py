"""Asking for an upgrade: the choices, and what they would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.forms.upgrade import STOP, UpgradeForm
from freqtrade_mgmt.selectors import current_version
from freqtrade_mgmt.upgrades.asking import WATCH_SECONDS, upgrade_request
from freqtrade_mgmt.upgrades.reading import upgrade_open
from freqtrade_mgmt.version_pages.planning import plan_of
from freqtrade_mgmt.version_pages.words import said
from freqtrade_mgmt.views.people import person
from freqtrade_mgmt.views.version_parts import managers_only, page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, QueryDict


@require_http_methods(["GET", "POST"])
@never_cache
@managers_only
def upgrade(request: HttpRequest) -> HttpResponse:
    """Show the choices with what they would do; then ask for it."""
    if request.method == "POST":
        form = UpgradeForm(request.POST)
        if form.is_valid():
            try:
                row = upgrade_request(
                    form.cleaned_data["to"], user=person(request), **form.choices
                )
            except BtcWatcherError as error:
                form.add_error(None, said(error.message))
            else:
                return redirect("freqtrade_mgmt:operation", row.pk)
        return page(request, "upgrade.html", _context(form), status=400)
    form = UpgradeForm(_given(request.GET))
    # What was just opened is not blamed for what is not chosen yet.
    form.is_valid()
    template = "upgrade.html"
    if request.headers.get("HX-Request"):
        template = "parts/plan.html"
    return page(request, template, _context(form))


def _given(query: QueryDict) -> QueryDict:
    """Return what was chosen, with the usual choices where nothing was."""
    given = query.copy()
    defaults = {"watch_minutes": str(WATCH_SECONDS // 60), "failing": STOP}
    for name, value in defaults.items():
        if name not in given:
            given[name] = value
    if not given.get("to"):
        targets = UpgradeForm().targets
        given["to"] = targets[0] if targets else ""
    return given


def _context(form: UpgradeForm) -> dict[str, Any]:
    plan = None
    if not form.errors or (form.is_bound and set(form.errors) == {"__all__"}):
        plan = plan_of(form.cleaned_data["to"], **form.choices)
    return {
        "form": form,
        "plan": plan,
        "current": current_version(),
        "under_way": upgrade_open(),
    }
