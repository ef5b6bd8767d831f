"""Moments as pages write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

FULL: Final = "Y-m-d H:i:s T"
DATED: Final = "Y-m-d H:i"


def moment_html(
    value: datetime | str | None,
    *,
    clock: str = "H:i:s",
    this_year: str = DATED,
    nothing: str = "",
) -> SafeString | str:
    """Return a time of today as ``clock``, another with its date, in the person's zone.

    Pointing at it shows all of it, with the zone. ``value`` may be ISO 8601;
    ``this_year`` is how another day of this year is written (Django's date formats).
    """
    at = parse_datetime(value) if isinstance(value, str) else value
    if at is None:
        return nothing
    local, today = timezone.localtime(at), timezone.localdate()
    shape = this_year if local.year == today.year else DATED
    return format_html(
        '<time class="num" datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        date_format(local, FULL),
        date_format(local, clock if local.date() == today else shape),
    )
