"""From marks and indicator values to direction, strength, level and priority. Pure."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simpleeval import InvalidExpression, SimpleEval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENTER_LONG: Final = "enter_long"
EXIT_LONG: Final = "exit_long"
ENTER_SHORT: Final = "enter_short"
EXIT_SHORT: Final = "exit_short"
MARKS: Final = (ENTER_LONG, EXIT_LONG, ENTER_SHORT, EXIT_SHORT)

BUY, SELL, HOLD = "BUY", "SELL", "HOLD"
DIRECTIONS: Final = {
    ENTER_LONG: BUY,
    EXIT_SHORT: BUY,
    EXIT_LONG: SELL,
    ENTER_SHORT: SELL,
}

STRONGEST, WEAKEST = 100.0, 0.0
LEVELS: Final = ("strong", "medium", "weak")
PRIORITIES: Final = {"strong": "P0", "medium": "P1", "weak": "P2"}
TAGGED: Final = re.compile(r":\s*(-?\d+(?:\.\d+)?)\s*$")


# Whatever a person's expression can do wrong on the values of one candle.
EXPRESSION_ERRORS: Final = (
    InvalidExpression,
    ArithmeticError,
    LookupError,
    SyntaxError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which strength (0 to 100) a signal has which level."""

    strong: float = 80
    medium: float = 50
    weak: float = 20

    @classmethod
    def parse(cls, values: Mapping[str, object] | None) -> Thresholds:
        """Read ``{"strong": 80, "medium": 50, "weak": 20}``; absent keys are defaults.

        Raises ValueError with a sentence when a value is no number in 0 to 100
        or when they do not fall from strong to weak.
        """
        values = values or {}
        numbers = {
            name: _threshold(name, values.get(name, getattr(cls(), name)))
            for name in LEVELS
        }
        if not numbers["strong"] >= numbers["medium"] >= numbers["weak"]:
            raise ValueError(
                f"Thresholds must fall from strong to weak, but they are {numbers}."
            )
        return cls(**numbers)


@dataclass(frozen=True, slots=True)
class Grade:
    """Level and priority of a signal; ``notable`` is False below the weak threshold."""

    level: str
    priority: str
    notable: bool


@dataclass(frozen=True, slots=True)
class StrengthRule:
    """Where the strength of a strategy's signals is found."""

    column: str = "signal_strength"
    expression: str = ""
    default: float = 50.0

    @classmethod
    def parse(cls, values: Mapping[str, object] | None) -> StrengthRule:
        """Read the strategy's ``strength`` setting; absent keys are defaults."""
        values = values or {}
        default, problem = strength_number(values.get("default", cls().default))
        if problem:
            raise ValueError(f"The default strength is wrong: {problem}")
        return cls(
            column=str(values.get("column") or cls().column),
            expression=str(values.get("expression") or ""),
            default=default,
        )


@dataclass(frozen=True, slots=True)
class Strength:
    """A strength with its origin: column, tag, expression or default.

    ``problems`` are sentences about sources that held an unusable value.
    """

    value: float
    source: str
    problems: tuple[str, ...] = ()


def grade(strength: float, thresholds: Thresholds) -> Grade:
    """Return the grade of a strength in 0 to 100."""
    for level in LEVELS:
        if strength >= getattr(thresholds, level):
            return Grade(level, PRIORITIES[level], notable=True)
    return Grade("weak", PRIORITIES["weak"], notable=False)


def direction(marks: Sequence[str]) -> str:
    """Return BUY or SELL, or HOLD when the marks of one candle contradict each other."""
    directions = {DIRECTIONS[mark] for mark in marks}
    return directions.pop() if len(directions) == 1 else HOLD


def strength_number(value: object) -> tuple[float, str]:
    """Return ``value`` as a strength and an empty string, or 0 and what is wrong."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0, f"{value!r} is not a number"
    try:
        number = float(value)
    except ValueError:
        return 0.0, f"{value!r} is not a number"
    if math.isnan(number):
        return 0.0, "it is NaN; the indicators of this candle are probably incomplete"
    if not WEAKEST <= number <= STRONGEST:
        return 0.0, f"{number:g} is outside 0 to 100"
    return number, ""


def strength_of(
    row: Mapping[str, object], tag: str | None, rule: StrengthRule
) -> Strength:
    """Find the strength of one candle: column, tag, expression, then the default.

    A source with an unusable value is passed over and named in ``problems``:
    the value is refused, the signal is not.
    """
    problems: list[str] = []
    for source, value in _sources(row, tag, rule, problems):
        number, problem = strength_number(value)
        if not problem:
            return Strength(number, source, tuple(problems))
        problems.append(f"Strength from the {source} was refused: {problem}.")
    return Strength(rule.default, "default", tuple(problems))


def _sources(
    row: Mapping[str, object],
    tag: str | None,
    rule: StrengthRule,
    problems: list[str],
) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    if rule.column in row:
        value = row[rule.column]
        # freqtrade sends NaN as null.
        found.append(("column", math.nan if value is None else value))
    if tag and (match := TAGGED.search(tag)):
        found.append(("tag", match[1]))
    if rule.expression:
        try:
            found.append(("expression", expression_value(rule.expression, row)))
        except EXPRESSION_ERRORS as error:
            problems.append(f"Expression {rule.expression!r} failed: {error}.")
    return found


def expression_value(expression: str, row: Mapping[str, object]) -> object:
    """Return what a person's expression gives on the columns of one candle.

    Raises one of ``EXPRESSION_ERRORS``.
    """
    evaluator = SimpleEval(
        names={key: value for key, value in row.items() if value is not None},
        functions={"min": min, "max": max, "abs": abs, "round": round},
    )
    # Names and arithmetic are enough; attributes are the way out of a sandbox.
    del evaluator.nodes[ast.Attribute]
    return evaluator.eval(expression)


def _threshold(name: str, value: object) -> float:
    number, problem = strength_number(value)
    if problem:
        raise ValueError(f"Threshold {name} is wrong: {problem}.")
    return number
