"""The texts of a channel: a title and a body for each kind of message and language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications.forms.sections import Section, object_of
from notifications.receivers import LANGUAGES
from notifications.rendering import default_templates, template_check
from notifications.rendering.values import COMMON, OF_KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS: Final = {
    "signal": gettext_lazy("Signals"),
    "digest": gettext_lazy("Digests"),
    "alert": gettext_lazy("Alerts"),
    "system": gettext_lazy("System messages"),
}
PARTS: Final = {"title": gettext_lazy("Title"), "body": gettext_lazy("Text")}
LENGTHS: Final = {"title": 1000, "body": 8000}


class TextsSection(Section):
    """Templates; an empty one is the default."""

    keys: ClassVar[tuple[str, ...]] = ("templates",)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the templates that are set."""
        stored = object_of(config.get("templates"))
        return {
            name(kind, language, part): object_of(
                object_of(stored.get(kind)).get(language)
            ).get(part, "")
            for kind, language, part in _all()
        }

    def prepare(self) -> None:
        """Make the fields."""
        for kind, language, part in _all():
            default = getattr(default_templates(kind, language), part)
            attributes = {
                "spellcheck": "false",
                "class": "mono",
                "lang": language,
                "placeholder": default.strip(),
            }
            widget: forms.Widget = forms.TextInput(attributes)
            if part == "body":
                widget = forms.Textarea(attributes | {"rows": "6"})
            self.fields[name(kind, language, part)] = forms.CharField(
                label=PARTS[part],
                required=False,
                max_length=LENGTHS[part],
                widget=widget,
            )

    def clean(self) -> dict[str, Any]:
        """Say what is wrong with a template, and where."""
        data = super().clean() or self.cleaned_data
        for kind, language, part in _all():
            field = name(kind, language, part)
            if (text := data.get(field)) and (wrong := template_check(text, kind)):
                self.add_error(field, wrong)
        return data

    def written(self) -> dict[str, Any]:
        """Return ``templates`` with what is set."""
        templates = self.chosen(self.cleaned_data)
        return {"templates": templates} if templates else {}

    @staticmethod
    def chosen(data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the templates that ``data``, by the names of fields, sets."""
        templates: dict[str, Any] = {}
        for kind, language, part in _all():
            if text := str(data.get(name(kind, language, part)) or "").strip():
                of_kind = templates.setdefault(kind, {})
                of_kind.setdefault(language, {})[part] = text
        return templates

    def kinds(self) -> list[dict[str, Any]]:
        """Return the fields by kind and language, for the page."""
        stored = object_of(self.channel.config.get("templates"))
        return [
            {
                "kind": kind,
                "label": label,
                "open": bool(stored.get(kind)) or self._wrong(kind),
                "sent": ",".join(
                    name(kind, language, part)
                    for language in LANGUAGES
                    for part in PARTS
                ),
                "values": [
                    (value, _(words))
                    for value, words in (OF_KIND[kind] | COMMON).items()
                ],
                "languages": [
                    {
                        "code": language,
                        "title": self[name(kind, language, "title")],
                        "body": self[name(kind, language, "body")],
                    }
                    for language in LANGUAGES
                ],
            }
            for kind, label in KINDS.items()
        ]

    def _wrong(self, kind: str) -> bool:
        return any(
            name(kind, language, part) in self.errors
            for language in LANGUAGES
            for part in PARTS
        )


def name(kind: str, language: str, part: str) -> str:
    """Return the name of a field."""
    return f"text_{kind}_{language}_{part}"


def _all() -> Iterator[tuple[str, str, str]]:
    for kind in KINDS:
        for language in LANGUAGES:
            for part in PARTS:
                yield kind, language, part
