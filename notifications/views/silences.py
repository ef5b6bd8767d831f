"""Silences and alerts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from accounts.permissions import changes_need, needs, reads
from btc_watcher.lib.errors import ConfigurationError
from notifications.forms import Choices, SilenceForm
from notifications.messages import said
from notifications.models import NotificationSilence
from notifications.saying import language_of_reader
from notifications.selectors import alerts_newest, channels_enabled
from notifications.services import silence_create, silence_end
from notifications.services.targets import receivers_of
from notifications.summaries import matcher_words
from notifications.views.common import SILENCE, UNSILENCE, page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from notifications.models import Alert, NotificationChannel
    from notifications.receivers import Receiver

ENDED_FOR: Final = timedelta(days=30)
ENDED_SHOWN: Final = 50
CURRENT_SHOWN: Final = 200
RESOLVED_FOR: Final = timedelta(days=7)


@require_http_methods(["GET", "POST"])
@never_cache
@changes_need(SILENCE)
def silences(request: HttpRequest) -> HttpResponse:
    """Show what is silenced, was and will be; make a silence."""
    now = timezone.now()
    may_add = request.user.has_perm(SILENCE)
    choices = Choices.for_silences()
    form = None
    if request.method == "POST":
        if not may_add:
            raise PermissionDenied
        form = SilenceForm(request.POST, choices=choices, now=now)
        if form.is_valid() and _created(request, form):
            return redirect("notifications:silences")
    elif may_add:
        form = SilenceForm(choices=choices, now=now, initial=_prefilled(request.GET))
    context = _listed(choices, now) | {
        "form": form,
        "open": request.method == "POST" or bool(request.GET),
        "may_end": request.user.has_perm(UNSILENCE),
    }
    status = 400 if request.method == "POST" else 200
    return page(request, "silences", "silences.html", context, status=status)


@require_POST
@needs(UNSILENCE)
def end(request: HttpRequest, number: int) -> HttpResponse:
    """End a silence now."""
    silence = get_object_or_404(NotificationSilence, pk=number)
    silence_end(silence, now=timezone.now())
    messages.success(request, _("“%(reason)s” has ended.") % {"reason": silence.reason})
    return redirect("notifications:silences")


@require_GET
@never_cache
@reads
def alerts(request: HttpRequest) -> HttpResponse:
    """Show what is wrong, and what was in the last days."""
    now = timezone.now()
    found = alerts_newest(since=now - RESOLVED_FOR)
    channels = channels_enabled()
    receivers = receivers_of(channels)
    rows = [_alert(each, channels, receivers) for each in found]
    # Stable: of equal urgency the newest stays first.
    urgent = sorted(rows, key=lambda row: row["alert"].priority)
    return page(
        request,
        "alerts",
        "alerts.html",
        {
            "open": [row for row in urgent if row["alert"].resolved_at is None],
            "resolved": [row for row in rows if row["alert"].resolved_at],
            "days": RESOLVED_FOR.days,
            "may_silence": request.user.has_perm(SILENCE),
        },
    )


def next_reminder(
    told: Mapping[str, Any], receivers: Mapping[int, Receiver]
) -> datetime | None:
    """Return when the first of the channels is told again; None for never."""
    moments = []
    for number, receiver in receivers.items():
        at = told.get(str(number))
        if isinstance(at, str) and receiver.repeat_minutes:
            minutes = timedelta(minutes=receiver.repeat_minutes)
            moments.append(datetime.fromisoformat(at) + minutes)
    return min(moments, default=None)


def _alert(
    alert: Alert,
    channels: list[NotificationChannel],
    receivers: Mapping[int, Receiver],
) -> dict[str, Any]:
    lasted = (alert.resolved_at or timezone.now()) - alert.since
    usual = (alert.title, alert.body)
    title, body = said(alert.context, language_of_reader(), usual)
    return {
        "alert": alert,
        "title": title,
        "body": body,
        "lasted": lasted.total_seconds(),
        "next": next_reminder(alert.told, receivers),
        "told": [each for each in channels if str(each.id) in alert.told],
    }


def _created(request: HttpRequest, form: SilenceForm) -> bool:
    data = form.cleaned_data
    try:
        silence_create(
            matcher=form.matcher(),
            reason=data["reason"],
            by=request.user.get_username(),
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
        )
    except ConfigurationError as error:
        form.add_error(None, error.message)
        return False
    messages.success(request, _("Silenced."))
    return True


def _prefilled(query: Mapping[str, str]) -> dict[str, Any]:
    """Return what an address may fill into the form: ``key`` of an alert, ``channel``."""
    initial: dict[str, Any] = {}
    if key := query.get("key", ""):
        initial |= {"keys": key[:200], "message_types": ["alert"]}
    if channel := query.get("channel", ""):
        initial["channels"] = [channel]
    return initial


def _listed(choices: Choices, now: datetime) -> dict[str, Any]:
    names = {
        "strategies": dict(choices.strategies),
        "channels": dict(choices.channels),
    }
    current = NotificationSilence.objects.filter(ends_at__gt=now).order_by("ends_at")
    ended = NotificationSilence.objects.filter(
        ends_at__lte=now, ends_at__gt=now - ENDED_FOR
    )
    groups: dict[str, list[dict[str, Any]]] = {"active": [], "coming": [], "ended": []}
    for row in (*current[:CURRENT_SHOWN], *ended[:ENDED_SHOWN]):
        state = "ended" if row.ends_at <= now else "active"
        state = "coming" if row.starts_at > now else state
        groups[state].append(
            {"row": row, "covers": matcher_words(row.matcher, **names)}
        )
    return groups
