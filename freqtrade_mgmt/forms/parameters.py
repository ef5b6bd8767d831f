"""Form fields for the parameters of a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from freqtrade_mgmt.blueprints import Kind
from freqtrade_mgmt.forms.values import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freqtrade_mgmt.blueprints import Blueprint, Parameter


def parameter_fields(template: Blueprint) -> dict[str, forms.Field]:
    """Return a field for each parameter, by its name in the form.

    The fields only carry what was typed: ``parameters_clean`` converts and checks it.
    """
    return {
        PARAMETER + parameter.name: _field(parameter)
        for parameter in template.parameters
    }


def parameters_given(
    template: Blueprint, cleaned: Mapping[str, Any]
) -> dict[str, object]:
    """Return what was typed, by parameter; an empty text is no default, but an error."""
    return {
        parameter.name: cleaned[PARAMETER + parameter.name]
        for parameter in template.parameters
        if PARAMETER + parameter.name in cleaned
    }


def _field(parameter: Parameter) -> forms.Field:
    common: dict[str, Any] = {
        "label": parameter.label,
        "help_text": parameter.help,
        "required": False,
    }
    choices = [(choice.value, choice.label) for choice in parameter.choices]
    match parameter.kind:
        case Kind.FLAG:
            return forms.BooleanField(**common)
        case Kind.CHOICE:
            # Unknown values are told by the template's own check, with its words.
            return forms.CharField(widget=forms.Select(choices=choices), **common)
        case Kind.CHOICES:
            widget = forms.CheckboxSelectMultiple
            return forms.MultipleChoiceField(choices=choices, widget=widget, **common)
    return forms.CharField(widget=_number(parameter), **common)


def _number(parameter: Parameter) -> forms.NumberInput:
    step = parameter.step or (1 if parameter.kind is Kind.INTEGER else "any")
    attrs: dict[str, Any] = {"step": step, "inputmode": "decimal"}
    if parameter.minimum is not None:
        attrs["min"] = f"{parameter.minimum:g}"
    if parameter.maximum is not None:
        attrs["max"] = f"{parameter.maximum:g}"
    return forms.NumberInput(attrs=attrs)
