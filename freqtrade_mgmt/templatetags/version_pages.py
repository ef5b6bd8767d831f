"""Sizes and times as the pages of releases write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

from freqtrade_mgmt.version_pages.words import CHECKS, MOVES
from strategies.shown import span_text

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

register = template.Library()
FULL = "Y-m-d H:i:s T"


@register.filter
def megabytes(size: int | None) -> str:
    """Return bytes as MB, or as GB where there are thousands of them."""
    if not size:
        return "0 MB"
    if size >= 1_000_000_000:
        return f"{size / 1_000_000_000:.2f} GB"
    return f"{max(1, round(size / 1_000_000))} MB"


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Return a time of today as time of day, another with its date; in the person's zone.

    Pointing at it shows all of it, with the zone.
    """
    if value is None:
        return ""
    local = timezone.localtime(value)
    today = local.date() == timezone.localdate()
    return format_html(
        '<time class="num" datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        date_format(local, FULL),
        date_format(local, "H:i:s" if today else "Y-m-d H:i"),
    )


@register.filter
def lasted(seconds: float | None) -> str:
    """Return a length of time: tenths of a second while it is short."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return _("%(count)s s") % {"count": f"{seconds:.1f}"}
    return span_text(seconds)


@register.filter
def countdown(seconds: int | None) -> str:
    """Return the seconds that are left as a clock shows them, such as 9:58 or 1:02:05."""
    minutes, rest = divmod(max(0, seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def check_words(state: str) -> str:
    """Return what came of loading a strategy, in words."""
    return str(CHECKS.get(state, state))


@register.filter
def move_words(state: str) -> str:
    """Return where a strategy is in an upgrade, in words."""
    return str(MOVES.get(state, state))
