"""The fields of a channel that its transport describes (see transports.base.Field)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.translation import gettext as _

from notifications.forms.sections import Section, list_of, names_read
from notifications.transports import TRANSPORTS
from notifications.transports.reading import address_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notifications.transports.base import Field

PREFIX: Final = "t_"
FORGET: Final = "forget_"


class TransportSection(Section):
    """One field for each key; secrets are always shown empty, and left empty they stay."""

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is stored, without secrets."""
        return {
            PREFIX + each.name: _shown(each, config.get(each.name, each.default))
            for each in self.described
            if not each.secret
        }

    @property
    def described(self) -> tuple[Field, ...]:
        """The transport's fields."""
        return TRANSPORTS[self.channel.type].fields

    def prepare(self) -> None:
        """Make the fields."""
        for each in self.described:
            name = PREFIX + each.name
            if not each.secret:
                self.fields[name] = _field(each)
                continue
            stored = self._stored(each)
            self.fields[name] = _secret_field(each, stored=stored)
            if stored and not each.required:
                self.fields[FORGET + each.name] = forms.BooleanField(
                    label=_("Remove the stored one"), required=False
                )

    def rows(self) -> list[dict[str, Any]]:
        """Return each field with what a page must know of it."""
        return [
            {
                "field": self[PREFIX + each.name],
                "secret": each.secret,
                "stored": each.secret and self._stored(each),
                "forget": self[FORGET + each.name]
                if FORGET + each.name in self.fields
                else None,
                "needed": each.required,
                "wide": each.kind == "object",
                "only": f"{PREFIX}{each.only[0]}" if each.only else "",
                "values": " ".join(each.only[1]) if each.only else "",
                "applies": self._applies(each),
            }
            for each in self.described
        ]

    def clean(self) -> dict[str, Any]:
        """Ask for what is needed, as far as it applies."""
        data = super().clean() or self.cleaned_data
        for each in self.described:
            name = PREFIX + each.name
            if name in self.errors or not self._applies(each):
                continue
            stays = each.secret and self._stored(each)
            if each.required and not data.get(name) and not stays:
                self.add_error(name, _("This is needed."))
            elif each.kind == "object" and not isinstance(
                data.get(name) or {}, dict | list
            ):
                self.add_error(name, _("Enter a JSON object, in curly brackets."))
            elif each.address and data.get(name):
                self._address_check(name, str(data[name]))
        return data

    def _address_check(self, name: str, address: str) -> None:
        if address_problem(address.strip()):
            words = _(
                "Enter the whole address: it begins with https://, or with http:// where"
                " it is on this machine."
            )
            self.add_error(name, words)

    def written(self) -> dict[str, Any]:
        """Return the transport's keys; a secret that stays is absent, None removes it."""
        config: dict[str, Any] = {}
        for each in self.described:
            value = self.cleaned_data.get(PREFIX + each.name)
            if each.secret:
                config |= self._secret_written(each, value)
            elif self._applies(each):
                value = _written(each, value)
                told = value not in (None, "", [], {})
                if told and (each.required or value != each.default):
                    config[each.name] = value
        return config

    def _secret_written(self, field: Field, value: Any) -> dict[str, Any]:
        if not self._applies(field):
            return {field.name: None} if self._stored(field) else {}
        if value:
            return {field.name: value}
        forget = self.cleaned_data.get(FORGET + field.name)
        return {field.name: None} if forget else {}

    def _applies(self, field: Field) -> bool:
        if field.only is None:
            return True
        key, values = field.only
        chosen = self[PREFIX + key].value()
        return str(chosen) in values

    def _stored(self, field: Field) -> bool:
        return bool(self.channel.config.get(field.name))


def _field(field: Field) -> forms.Field:
    facts: dict[str, Any] = {
        "label": field.label,
        "help_text": field.help,
        "required": False,
    }
    if field.choices:
        choices = list(field.choices)
        if field.default is None:
            choices.insert(0, ("", _("choose …")))
        return forms.ChoiceField(choices=choices, **facts)
    makers: dict[str, Callable[[], forms.Field]] = {
        "text": lambda: _text_field(field, facts),
        "number": lambda: forms.FloatField(
            widget=forms.NumberInput({"step": "any"}), **facts
        ),
        "boolean": lambda: forms.BooleanField(**facts),
        "list": lambda: forms.CharField(widget=_area(2), **facts),
        "object": lambda: forms.JSONField(widget=_area(5, mono=True), **facts),
    }
    return makers[field.kind]()


def _text_field(field: Field, facts: Mapping[str, Any]) -> forms.Field:
    attributes = {"autocomplete": "off", "spellcheck": "false"}
    if isinstance(field.default, str):
        attributes["placeholder"] = field.default
    return forms.CharField(max_length=2000, widget=forms.TextInput(attributes), **facts)


def _secret_field(field: Field, *, stored: bool) -> forms.Field:
    attributes = {"autocomplete": "new-password", "spellcheck": "false"}
    attributes["placeholder"] = _("leave empty to keep it") if stored else ""
    return forms.CharField(
        label=field.label,
        help_text=field.help,
        required=False,
        max_length=4000,
        widget=forms.PasswordInput(render_value=False, attrs=attributes),
    )


def _area(rows: int, *, mono: bool = False) -> forms.Textarea:
    attributes: dict[str, Any] = {"rows": rows, "spellcheck": "false"}
    return forms.Textarea(attributes | ({"class": "mono"} if mono else {}))


def _shown(field: Field, value: Any) -> Any:
    """Return a stored value as its form field shows it."""
    if field.kind == "list":
        return value if isinstance(value, str) else "\n".join(map(str, list_of(value)))
    if field.kind == "text" and value == field.default and not field.choices:
        return ""
    if field.kind == "object":
        return value or None
    return value


def _written(field: Field, value: Any) -> Any:
    """Return what a form field says as the configuration keeps it."""
    if field.kind == "list":
        return names_read(value or "")
    if field.kind == "number" and value is not None and value == value // 1:
        return int(value)
    if field.kind == "boolean":
        return bool(value)
    return value
