"""Times and titles as the pages of notifications write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone
from django.utils.translation import ngettext

from btc_watcher.lib.shown_times import moment_html
from notifications.forms.delivery import span_words
from notifications.rendering import title_default
from notifications.saying import language_of_reader

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

    from notifications.messages import Message

register = template.Library()


@register.filter
def moment(value: datetime | str | None) -> SafeString | str:
    """Return a time of today as time of day, another with its date, in the person's zone.

    Pointing at it shows all of it, with the zone.
    """
    return _written(value, "H:i:s")


@register.filter
def minute(value: datetime | str | None) -> SafeString | str:
    """Return the same without seconds, for times that people set."""
    return _written(value, "H:i")


def _written(value: datetime | str | None, clock: str) -> SafeString | str:
    return moment_html(value, clock=clock, this_year=f"m-d {clock}")


@register.filter
def headline(message: Message) -> str:
    """Return the title of a message in the language of whoever looks at the page."""
    return title_default(
        message,
        language_of_reader(),
        timezone.get_current_timezone(),
    )


@register.filter
def span(seconds: float) -> str:
    """Return a length of time in its largest whole unit."""
    whole = max(0, int(seconds))
    if whole >= 172_800:
        days = whole // 86_400
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    if whole >= 7200:
        return span_words(whole // 3600 * 3600)
    if whole >= 120:
        return span_words(whole // 60 * 60)
    return span_words(max(1, whole))
