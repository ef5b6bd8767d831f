"""The pages of the backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.backups.page import backup_shown, list_shown
from monitoring.backups.places import elsewhere, places_read
from monitoring.backups.words import tried_elsewhere
from monitoring.dispatch import backup_soon, trial_soon
from monitoring.operations import operators_only, page, run_part, staff_only
from monitoring.runs.due import due_of
from monitoring.runs.following import BACKUP
from monitoring.runs.shown import run_shown

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
@staff_only
def backups(request: HttpRequest) -> HttpResponse:
    """Show every backup, whether it is good, and when the next one is due."""
    now = timezone.now()
    places = places_read()
    # What lies in a folder that nobody fills is no news.
    context = list_shown(now, is_told=elsewhere(places) is None)
    run = run_shown(BACKUP)
    # Why a backup failed stands at the top already.
    told = run is not None and any(run.error in t.body for t in context["troubles"])
    context |= {"run": run, "run_told": told, "due": due_of("backup", now)}
    context |= {
        "places": places,
        "elsewhere": elsewhere(places),
        "folder": settings.BACKUP_FOLDER,
        "node": settings.NODE_NAME,
    }
    return page(request, "backups.html", context)


@require_GET
@staff_only
def backup(request: HttpRequest, name: str) -> HttpResponse:
    """Show one backup: what is in it, how its trial went, how it is restored."""
    found = backup_shown(name)
    if found is None:
        raise Http404
    found |= {"run": run_shown(BACKUP), "elsewhere": elsewhere(places_read())}
    return page(request, "backup.html", found)


@require_GET
@staff_only
def live(request: HttpRequest) -> HttpResponse:
    """Return how far the backup is; when it is over the page is loaded again."""
    return run_part(request, BACKUP, address="monitoring:backups_live")


@require_POST
@operators_only
def make(request: HttpRequest) -> HttpResponse:
    """Have a worker make a backup, and show how it goes."""
    try:
        backup_soon(by=request.user.get_username())
    except BtcWatcherError as error:
        messages.error(request, error.message)
    return redirect("monitoring:backups")


@require_POST
@operators_only
def again(request: HttpRequest, name: str) -> HttpResponse:
    """Have a worker restore a backup on trial, and show how it goes."""
    found = backup_shown(name)
    if found is None or not found["backup"].is_whole:
        raise Http404
    if place := elsewhere(places_read()):
        messages.error(request, tried_elsewhere(place.names))
        return redirect("monitoring:backups")
    try:
        trial_soon(name, by=request.user.get_username())
    except BtcWatcherError as error:
        messages.error(request, error.message)
    return redirect("monitoring:backups")
