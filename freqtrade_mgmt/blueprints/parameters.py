"""What a strategy blueprint asks for, and the check of the answers. Pure.

A page builds its form from these; every value that reaches generated code has gone
through ``parameters_clean`` and is a number, a flag or one of our own words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django_stubs_ext import StrOrPromise

Value: TypeAlias = int | float | bool | str | tuple[str, ...]
Values: TypeAlias = dict[str, Value]

_YES = frozenset({"true", "on", "1", "yes"})
_NO = frozenset({"false", "off", "0", "no", ""})


class Kind(StrEnum):
    """What a value is. A form takes an input field of the matching sort."""

    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    # Several of the choices: a tuple of their values, in the order of the choices.
    CHOICES = "choices"


@dataclass(frozen=True)
class Choice:
    """One answer to a parameter of kind CHOICE or CHOICES."""

    value: str
    label: StrOrPromise


@dataclass(frozen=True)
class Parameter:
    """One question of a blueprint.

    ``minimum``, ``maximum`` (both allowed) and ``step`` belong to INTEGER and NUMBER,
    ``choices`` to CHOICE and CHOICES.
    """

    name: str
    kind: Kind
    label: StrOrPromise
    default: Value
    help: StrOrPromise = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Check:
    """A rule over several parameters; ``field`` is where a form shows ``message``."""

    field: str
    holds: Callable[[Mapping[str, Any]], bool]
    message: StrOrPromise


@dataclass(frozen=True)
class Blueprint:
    """A template of a strategy.

    ``source`` makes the Python text out of class name, timeframe and clean values; use
    ``blueprint_code``, which checks them first.
    """

    name: str
    title: StrOrPromise
    description: StrOrPromise
    parameters: tuple[Parameter, ...]
    source: Callable[[str, str, Mapping[str, Any]], str]
    checks: tuple[Check, ...] = ()

    def defaults(self) -> Values:
        """Return the default of every parameter."""
        return {parameter.name: parameter.default for parameter in self.parameters}


def parameters_clean(
    blueprint: Blueprint, given: Mapping[str, object]
) -> tuple[Values, dict[str, str]]:
    """Return the values by parameter and the problems by parameter (none: all is well).

    ``given`` may come from a form or from JSON: texts are converted, absent ones take
    their default. Unknown names are problems too, as they would be ignored silently.
    """
    known = {parameter.name for parameter in blueprint.parameters}
    values: Values = {}
    problems = {
        str(name): _("The template has no parameter of this name.")
        for name in given
        if name not in known
    }
    for parameter in blueprint.parameters:
        value = given.get(parameter.name)
        try:
            values[parameter.name] = (
                parameter.default if value is None else _clean(parameter, value)
            )
        except (ValueError, TypeError, OverflowError):
            problems[parameter.name] = _expected(parameter)
    if not problems:
        problems = {
            check.field: str(check.message)
            for check in blueprint.checks
            if not check.holds(values)
        }
    return values, problems


def _clean(parameter: Parameter, value: object) -> Value:
    """Return ``value`` in the parameter's type; raises ValueError when it is not one."""
    match parameter.kind:
        case Kind.FLAG:
            return _flag(value)
        case Kind.CHOICE:
            return _one_of(parameter, value)
        case Kind.CHOICES:
            return _some_of(parameter, value)
    number = _number(parameter, value)
    lowest, highest = parameter.minimum, parameter.maximum
    if (lowest is not None and number < lowest) or (
        highest is not None and number > highest
    ):
        raise ValueError
    return number


def _number(parameter: Parameter, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    if parameter.kind is Kind.INTEGER:
        if number != int(number):
            raise ValueError
        return int(number)
    return number


def _flag(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in _YES | _NO:
        raise ValueError
    return text in _YES


def _one_of(parameter: Parameter, value: object) -> str:
    for choice in parameter.choices:
        if choice.value == value:
            return choice.value  # our own text, never the one that was given
    raise ValueError


def _some_of(parameter: Parameter, value: object) -> tuple[str, ...]:
    wanted = value.split(",") if isinstance(value, str) else value
    if not isinstance(wanted, list | tuple | set | frozenset):
        raise TypeError
    names = [str(item).strip() for item in wanted]
    if {*names} - {choice.value for choice in parameter.choices}:
        raise ValueError
    return tuple(c.value for c in parameter.choices if c.value in names)


def _expected(parameter: Parameter) -> str:
    """Return the sentence that says what the parameter takes."""
    limits = {"minimum": parameter.minimum, "maximum": parameter.maximum}
    match parameter.kind:
        case Kind.INTEGER:
            return _("Give a whole number from %(minimum)g to %(maximum)g.") % limits
        case Kind.NUMBER:
            return _("Give a number from %(minimum)g to %(maximum)g.") % limits
        case Kind.FLAG:
            return _("Answer yes or no.")
    labels = ", ".join(str(choice.label) for choice in parameter.choices)
    return _("Choose from: %(choices)s.") % {"choices": labels}
