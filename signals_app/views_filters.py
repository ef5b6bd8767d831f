"""Saving, renaming, replacing and deleting one's own filters of the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.permissions import own
from signals_app.history.saved import (
    NoSuchFilterError,
    SavedFilterError,
    filter_default_set,
    filter_delete,
    filter_rename,
    filter_replace,
    filter_save,
)

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from signals_app.history.models import SavedFilter


@require_POST
@own
def save(request: HttpRequest) -> HttpResponse:
    """Keep the filter ``query`` under ``name``, and show it."""
    query = request.POST.get("query", "")
    try:
        found, made = filter_save(
            user_id=int(request.user.pk or 0),
            name=request.POST.get("name", ""),
            query=query,
            is_default=request.POST.get("default") == "1",
        )
    except SavedFilterError as error:
        messages.error(request, error.message)
        return _shown(query)
    words = _("Saved as “%(name)s”.") if made else _("“%(name)s” was replaced.")
    messages.success(request, words % {"name": found.name})
    return _shown(found.query)


@require_POST
@own
def change(request: HttpRequest, number: int) -> HttpResponse:
    """Do ``action``: rename, replace, default, no_default or delete."""
    query = request.POST.get("query", "")
    try:
        found, words = _changed(request, number, query)
    except NoSuchFilterError:
        raise Http404 from None
    except SavedFilterError as error:
        messages.error(request, error.message)
        return _shown(query)
    messages.success(request, words % {"name": found.name})
    return _shown(query)


def _changed(request: HttpRequest, number: int, query: str) -> tuple[SavedFilter, str]:
    """Return the filter that was changed, and what to say."""
    user_id = int(request.user.pk or 0)
    action = request.POST.get("action", "")
    if action == "rename":
        name = request.POST.get("name", "")
        found = filter_rename(user_id=user_id, number=number, name=name)
        return found, _("It is called “%(name)s” now.")
    if action == "replace":
        found = filter_replace(user_id=user_id, number=number, query=query)
        return found, _("“%(name)s” was replaced.")
    if action in ("default", "no_default"):
        on = action == "default"
        found = filter_default_set(user_id=user_id, number=number, on=on)
        if on:
            return found, _("The history opens with “%(name)s” now.")
        return found, _("The history opens without “%(name)s” now.")
    if action == "delete":
        found = filter_delete(user_id=user_id, number=number)
        return found, _("“%(name)s” was deleted.")
    raise SavedFilterError(
        _("“%(action)s” is no action; use rename, replace, default or delete.")
        % {"action": action[:40]}
    )


def _shown(query: str) -> HttpResponse:
    return redirect(f"{reverse('signals_app:history')}?{query or 'period=7d'}")
