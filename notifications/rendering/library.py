"""The tags and filters that channels' templates may use: nothing else is there.

Results are bounded: no filter makes a text longer than ``LONGEST``, pads, repeats or
changes what it is given.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from django import template
from django.template import defaultfilters, defaulttags
from django.utils import dateformat, timezone
from django.utils.dateparse import parse_datetime

if TYPE_CHECKING:
    from collections.abc import Callable

register = template.Library()

LONGEST: Final = 20_000
TAGS: Final[dict[str, Callable[..., Any]]] = {
    "comment": defaulttags.comment,
    "cycle": defaulttags.cycle,
    "firstof": defaulttags.firstof,
    "if": defaulttags.do_if,
    "ifchanged": defaulttags.ifchanged,
    "with": defaulttags.do_with,
}
FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "capfirst": defaultfilters.capfirst,
    "cut": defaultfilters.cut,
    "default": defaultfilters.default,
    "default_if_none": defaultfilters.default_if_none,
    "first": defaultfilters.first,
    "last": defaultfilters.last,
    "length": defaultfilters.length,
    "lower": defaultfilters.lower,
    "pluralize": defaultfilters.pluralize,
    "slice": defaultfilters.slice_filter,
    "title": defaultfilters.title,
    "truncatechars": defaultfilters.truncatechars,
    "truncatewords": defaultfilters.truncatewords,
    "upper": defaultfilters.upper,
    "yesno": defaultfilters.yesno,
}
for _name, _tag in TAGS.items():
    register.tag(_name, _tag)
for _name, _filter in FILTERS.items():
    register.filter(_name, _filter)


class Items:
    """The sequence of a loop: a list, whose length counts as work."""

    def __init__(self, expression: Any) -> None:
        self.expression = expression

    def resolve(self, context: Any, ignore_failures: bool = False) -> list[Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Return the list; what is no list has nothing to go through."""
        values = self.expression.resolve(context, ignore_failures=ignore_failures)
        items = list(values) if isinstance(values, list | tuple | dict) else []
        context.meter.charge(len(items))
        return items


@register.tag("for")
def bounded_for(parser: Any, token: Any) -> Any:
    """Go through a list as Django's own tag does."""
    node: Any = defaulttags.do_for(parser, token)
    node.sequence = Items(node.sequence)
    return node


@register.filter("join")
def bounded_join(value: Any, glue: Any) -> str:
    """Put the items of a list together."""
    if not isinstance(value, list | tuple | dict):
        return str(value)
    pieces: list[str] = []
    room = LONGEST
    for item in value:
        piece = (str(glue) if pieces else "") + str(item)
        pieces.append(piece[:room])
        room -= len(piece)
        if room <= 0:
            break
    return "".join(pieces)


@register.filter("floatformat")
def bounded_floatformat(value: Any, digits: Any = 2) -> str:
    """Write a number with up to twelve digits after the point."""
    try:
        places = max(-12, min(12, int(digits)))
    except (TypeError, ValueError):
        places = 2
    return defaultfilters.floatformat(value, str(places))


@register.filter("date")
def moment(value: Any, pattern: Any = "Y-m-d H:i") -> str:
    """Write a moment (ISO 8601) in the receiver's zone, by Django's letters."""
    found = parse_datetime(value) if isinstance(value, str) else None
    if found is None:
        return ""
    if timezone.is_naive(found):
        found = found.replace(tzinfo=UTC)
    return dateformat.format(timezone.localtime(found), str(pattern)[:100])
