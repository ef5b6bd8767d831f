"""Marks, strengths and thresholds as tables of cases."""

from __future__ import annotations

import math

import pytest

from signals_app.grading import (
    StrengthRule,
    Thresholds,
    direction,
    grade,
    strength_number,
    strength_of,
)


@pytest.mark.parametrize(
    ("strength", "level", "priority", "notable"),
    [
        (100, "strong", "P0", True),
        (80, "strong", "P0", True),
        (79.99, "medium", "P1", True),
        (50, "medium", "P1", True),
        (49.99, "weak", "P2", True),
        (20, "weak", "P2", True),
        (19.99, "weak", "P2", False),
        (0, "weak", "P2", False),
    ],
)
def test_strength_becomes_level_and_priority(
    strength: float, level: str, priority: str, notable: bool
) -> None:
    graded = grade(strength, Thresholds())

    assert (graded.level, graded.priority, graded.notable) == (level, priority, notable)


def test_each_strategy_has_thresholds_of_its_own() -> None:
    assert grade(60, Thresholds.parse({"strong": 60})).priority == "P0"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"strong": 40}, "fall from strong to weak"),
        ({"medium": "many"}, "medium is wrong: 'many' is not a number"),
        ({"weak": -1}, "weak is wrong: -1 is outside 0 to 100"),
        ({"strong": True}, "strong is wrong: True is not a number"),
    ],
)
def test_wrong_thresholds_are_named(values: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Thresholds.parse(values)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (["enter_long"], "BUY"),
        (["exit_short"], "BUY"),
        (["exit_long"], "SELL"),
        (["enter_short"], "SELL"),
        (["exit_long", "enter_short"], "SELL"),
        (["enter_long", "exit_long"], "HOLD"),
        (["enter_long", "enter_short"], "HOLD"),
        (["enter_short", "exit_short"], "HOLD"),
    ],
)
def test_marks_become_a_direction(marks: list[str], expected: str) -> None:
    assert direction(marks) == expected


RULE = StrengthRule.parse({"expression": "rsi * 2", "default": 33})


@pytest.mark.parametrize(
    ("row", "tag", "value", "source"),
    [
        ({"signal_strength": 81.5, "rsi": 10}, "dip:60", 81.5, "column"),
        ({"rsi": 10}, "rsi_dip:60", 60, "tag"),
        ({"rsi": 10}, "rsi_dip: 60.5 ", 60.5, "tag"),
        ({"rsi": 10}, "plain", 20, "expression"),
        ({}, None, 33, "default"),
    ],
)
def test_strength_is_found_in_order(
    row: dict[str, object], tag: str | None, value: float, source: str
) -> None:
    strength = strength_of(row, tag, RULE)

    assert (strength.value, strength.source) == (value, source)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "NaN"),
        (None, "NaN"),
        (100.01, "100.01 is outside 0 to 100"),
        (-3, "-3 is outside 0 to 100"),
        (math.inf, "inf is outside 0 to 100"),
        ("strong", "'strong' is not a number"),
        (True, "True is not a number"),
    ],
)
def test_an_unusable_strength_is_refused_by_name_and_the_next_source_is_used(
    value: object, words: str
) -> None:
    strength = strength_of({"signal_strength": value}, "dip:60", StrengthRule())

    assert (strength.value, strength.source) == (60, "tag")
    assert len(strength.problems) == 1
    assert words in strength.problems[0]


@pytest.mark.parametrize(
    "expression",
    [
        "unknown + 1",
        "1 / 0",
        "rsi +",
        "__import__('os').getcwd()",
        "().__class__.__bases__",
        "'a' * 10**9",
        "rsi.real",
        "enter_tag[20]",
        "max(enter_tag[1:1])",
        "round(nothing)",
        "'%' % rsi",
    ],
)
def test_an_expression_that_fails_or_reaches_out_falls_to_the_default(
    expression: str,
) -> None:
    rule = StrengthRule(expression=expression, default=40)

    strength = strength_of(
        {"rsi": 10.0, "enter_tag": "up", "nothing": math.nan}, None, rule
    )

    assert (strength.value, strength.source) == (40, "default")
    assert strength.problems


@pytest.mark.parametrize(
    ("value", "number"), [(0, 0.0), (100, 100.0), ("42", 42.0), (12.5, 12.5)]
)
def test_numbers_in_range_are_taken(value: object, number: float) -> None:
    assert strength_number(value) == (number, "")


def test_a_wrong_default_is_told() -> None:
    with pytest.raises(ValueError, match="outside 0 to 100"):
        StrengthRule.parse({"default": 400})
