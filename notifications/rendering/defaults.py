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
PLAIN: Final = Texts("{{ title }}", "{{ body }}\n{% if url %}\n{{ url }}\n{% endif %}")


@lru_cache(maxsize=16)
def default_templates(kind: str, language: str) -> Texts:
    """Return the templates for a kind of message, with labels in ``language``."""
    if kind != "signal":
        return PLAIN
    with override(language):
        return Texts(SIGNAL_TITLE, _signal_body())


def _signal_body() -> str:
    price, closed, strategy = _("Price"), _("Candle closed"), _("Strategy")
    exchange, mark, tag = _("Exchange"), _("Mark"), _("Tag")
    guessed = _("The strategy gave no strength; its default was used.")
    return f"""\
{price}: {{{{ price }}}}
{closed}: {{{{ closed }}}}
{strategy}: {{{{ strategy }}}} {{{{ version }}}}
{exchange}: {{{{ exchange }}}}
{{% if mark %}}
{mark}: {{{{ mark }}}}
{{% endif %}}
{{% if tag %}}
{tag}: {{{{ tag }}}}
{{% endif %}}
{{% if guessed %}}
{guessed}
{{% endif %}}
{{% for name, value in indicators.items %}}
{{{{ name }}}}: {{{{ value }}}}
{{% endfor %}}
{{% if url %}}
{{{{ url }}}}
{{% endif %}}"""
