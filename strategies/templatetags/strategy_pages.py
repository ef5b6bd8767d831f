"""Times and amounts as the pages of strategies write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.html import format_html

from strategies.page_words import ago_text, ago_words
from strategies.shown import span_text
from strategies.template_words import exchange_label

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

register = template.Library()
FULL = "Y-m-d H:i:s T"


@register.simple_tag
def ago(moment: datetime, now: datetime) -> SafeString:
    """Return how long ago ``moment`` was; the page's script keeps it up to date."""
    return format_html(
        '<time class="num" datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(),
        full(moment),
        ago_text((now - moment).total_seconds()),
    )


@register.filter
def full(moment: datetime) -> str:
    """Return a moment in the person's zone, with the zone written."""
    return date_format(timezone.localtime(moment), FULL)


@register.filter
def clock(moment: datetime) -> str:
    """Return a moment of today as time of day, an older one with its date."""
    local = timezone.localtime(moment)
    today = local.date() == timezone.localdate()
    return date_format(local, "H:i:s T" if today else "m-d H:i T")


@register.filter
def span(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    return span_text(seconds)


@register.filter
def exchange(name: str) -> str:
    """Return what an exchange is called."""
    return exchange_label(name)


@register.simple_tag
def words_of_ago() -> dict[str, str | int]:
    """Return what the script of the pages counts on with, and the server's time (ms)."""
    return {**ago_words(), "now": round(timezone.now().timestamp() * 1000)}
