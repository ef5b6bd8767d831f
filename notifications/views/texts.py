"""What a channel's templates make of a message, while somebody writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.permissions import needs
from notifications.forms.texts import KINDS, TextsSection
from notifications.models import NotificationChannel
from notifications.receivers import LANGUAGES
from notifications.rendering import preview, template_check
from notifications.samples import newest_signals, sample
from notifications.services.targets import receiver
from notifications.views.common import ADD, CHANGE, number_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from django.http import HttpRequest, HttpResponse


@require_POST
@never_cache
@needs(ADD, CHANGE)
def texts(request: HttpRequest) -> HttpResponse:
    """Show one kind of message in both languages; nothing is stored."""
    kind = request.POST.get("kind", "")
    if kind not in KINDS:
        raise Http404
    templates = TextsSection.chosen(request.POST)
    zone = _zone(request)
    newest, now = newest_signals(), timezone.now()
    shown: list[dict[str, Any]] = []
    for language in LANGUAGES:
        message = sample(kind, language, zone, newest, now)
        text = preview(message, templates, language, zone) if message else None
        problem = _problem(templates, kind, language) or (text.problem if text else "")
        shown.append({"language": language, "text": text, "problem": problem})
    return render(
        request,
        "notifications/parts/texts.html",
        {"shown": shown, "kind": kind, "zone": str(zone)},
    )


def _problem(templates: dict[str, Any], kind: str, language: str) -> str:
    """Return what saving would refuse, which goes further than what fails to render."""
    texts = templates.get(kind, {}).get(language, {})
    problems = (template_check(text, kind) for text in texts.values())
    return next((each for each in problems if each), "")


def _zone(request: HttpRequest) -> ZoneInfo:
    number = number_of(request.POST.get("channel", ""))
    row = NotificationChannel.objects.filter(pk=number).first() if number else None
    if row is not None:
        return receiver(row).zone
    return timezone.get_current_timezone()
