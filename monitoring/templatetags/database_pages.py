"""Numbers of servers as people read them."""

from __future__ import annotations

from typing import Final

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from monitoring.database.sizes import strays_shown

register = template.Library()
UNITS: Final = ("B", "KB", "MB", "GB", "TB")
SECONDS: Final = (("d", 86_400), ("h", 3600), ("min", 60))


@register.filter
def size(value: float | None) -> str:
    """Return bytes such as ``12.4 MB``."""
    if value is None:
        return "—"
    number, unit = float(value), 0
    while number >= 1024 and unit < len(UNITS) - 1:
        number, unit = number / 1024, unit + 1
    places = 0 if unit == 0 or number >= 100 else 1
    return f"{number_format(round(number, places), places)} {UNITS[unit]}"


@register.filter
def lasting(value: float | None) -> str:
    """Return seconds such as ``3 min``."""
    if value is None:
        return "—"
    words = {"d": _("d"), "h": _("h"), "min": _("min")}
    for unit, seconds in SECONDS:
        if value >= seconds:
            number = number_format(value / seconds, 1 if value < seconds * 10 else 0)
            return f"{number} {words[unit]}"
    word = _("s")
    return f"{number_format(value, 1 if 0 < value < 10 else 0)} {word}"


@register.filter
def milliseconds(value: float) -> str:
    """Return a time such as ``0.42 ms``, ``12 ms`` or ``3.1 s``."""
    if value >= 1000:
        return lasting(value / 1000)
    return f"{number_format(value, 2 if value < 10 else 0)} ms"


@register.filter
def count(value: int | None) -> str:
    """Return a number with its thousands set apart, as traders read them anywhere."""
    return "—" if value is None else f"{value:,}"


@register.filter
def percent(value: float | None) -> str:
    """Return a part of one as percent."""
    return "—" if value is None else f"{number_format(value * 100, 1)} %"


@register.filter
def strays(value: int) -> str:
    """Return the rows of safety nets; ``10,000+`` where no more were counted."""
    return strays_shown(value)
