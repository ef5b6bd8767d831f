"""Sizes and times as the pages of releases write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from btc_watcher.lib.shown_times import moment_html
from freqtrade_mgmt.version_pages.words import CHECKS, MOVES
from strategies.shown import lasted_text

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

register = template.Library()


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
    return moment_html(value)


@register.filter
def lasted(seconds: float | None) -> str:
    """Return a length of time: tenths of a second while it is short."""
    return "" if seconds is None else lasted_text(seconds)


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
