"""Checks a strength expression before a candle meets it. Pure."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from signals_app.grading import EXPRESSION_ERRORS, expression_value

if TYPE_CHECKING:
    from collections.abc import Mapping

CANDLE_COLUMNS: Final = ("open", "high", "low", "close", "volume")
FUNCTIONS: Final = frozenset({"min", "max", "abs", "round"})
# Marks and tags are not measures.
_MARKS: Final = ("enter_", "exit_")
# Spread over magnitudes, so that an arithmetic accident of one set is none of the next.
_SPREADS: Final = ((1.0, 7.0), (0.3, 0.011), (90.0, -1.7), (50.0, 0.0))


def expression_problem(expression: str) -> str:
    """Return what is wrong with an expression over columns; "" when it works.

    It is tried on several made-up candles. Errors of arithmetic (a division by zero)
    count only when every candle has them: real values may never meet them.
    """
    problem = _unreadable(expression)
    if problem:
        return problem
    names = sorted(expression_names(expression))
    for first, step in _SPREADS:
        row = {name: first + step * place for place, name in enumerate(names)}
        problem, certain = _tried(expression, row)
        if certain or not problem:
            break
    return problem


def _unreadable(expression: str) -> str:
    try:
        # More than one expression is passed over by the evaluator with a mere warning.
        ast.parse(expression.strip(), mode="eval")
    except SyntaxError as error:
        return _cannot(error.msg)
    except (ValueError, RecursionError, MemoryError):
        return _("It is nested too deeply.")
    return ""


def _tried(expression: str, row: Mapping[str, float]) -> tuple[str, bool]:
    """Return what is wrong on one candle, and whether it would be on every one."""
    try:
        value = expression_value(expression, row)
    except ArithmeticError as error:
        return _("It fails: %(problem)s.") % {"problem": error}, False
    except RecursionError:
        return _("It is nested too deeply."), True
    except EXPRESSION_ERRORS as error:
        return _cannot(str(error)), True
    if isinstance(value, bool) or not isinstance(value, int | float):
        told = _("It must give a number, but gives %(value)r.") % {"value": value}
        return told, True
    return "", True


def _cannot(problem: str) -> str:
    return _("It cannot be computed: %(problem)s.") % {"problem": problem.rstrip(".")}


def expression_names(expression: str) -> set[str]:
    """Return the columns that an expression reads; none when it cannot be parsed."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return found - (called & FUNCTIONS)


def code_columns(code: str) -> set[str]:
    """Return the columns that a strategy's source text names in square brackets.

    A hint, not the truth: names may be computed while it runs.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found = {
        leaf.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        for leaf in ast.walk(node.slice)
        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
    }
    return {
        name for name in found if name.isidentifier() and not name.startswith(_MARKS)
    }
