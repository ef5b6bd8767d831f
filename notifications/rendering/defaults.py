"""The templates of a channel that has none of its own, in the active language."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import override


class Texts(NamedTuple):
    """A title of one line and a body: templates, or what became of them."""

    title: str
    body: str


SIGNAL_TITLE: Final = (
    "{{ arrow }} {{ direction|upper }} {{ pair }} {{ timeframe }}"
    " · {{ level_word }} {{ strength }}"
)
INDICATOR: Final = "{% if not forloop.first %} · {% endif %}{{ name }} {{ value }}"
PLAIN: Final = Texts("{{ title }}", "{{ body }}\n{% if url %}\n{{ url }}\n{% endif %}")


@lru_cache(maxsize=16)
def default_templates(kind: str, language: str) -> Texts:
    """Return the templates for a kind of message, with labels in ``language``."""
    if kind != "signal":
        return PLAIN
    with override(language):
        return Texts(SIGNAL_TITLE, _signal_body())


def _signal_body() -> str:
    # The indicators share a line: a phone shows little of a message at first.
    lines = (
        _line(_("Price"), "{{ price }}"),
        _line(_("Candle closed"), "{{ closed }}"),
        _line(_("Strategy"), "{{ strategy }} {{ version }}"),
        _line(_("Exchange"), "{{ exchange }}"),
        "{% if mark %}",
        _line(_("Mark"), "{{ mark }}{% if tag %} · {{ tag }}{% endif %}"),
        "{% elif tag %}",
        _line(_("Tag"), "{{ tag }}"),
        "{% endif %}",
        "{% if guessed %}",
        _("The strategy gave no strength; its default was used."),
        "{% endif %}",
        "{% if indicators %}",
        "{% for name, value in indicators.items %}" + INDICATOR + "{% endfor %}",
        "{% endif %}",
        "{% if url %}",
        "{{ url }}",
        "{% endif %}",
    )
    return "\n".join(lines)


def _line(label: str, value: str) -> str:
    return _("%(label)s: %(value)s") % {"label": label, "value": value}
