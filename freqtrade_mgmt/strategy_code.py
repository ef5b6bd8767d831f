"""What a strategy's source text says about itself, read without running it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from btc_watcher.lib.errors import ConfigurationError

_BASE = "IStrategy"


@dataclass(frozen=True)
class StrategyFacts:
    """The facts of the one strategy in a file.

    ``startup_candle_count`` is the number of first candles whose indicators mean
    nothing yet; 0 when it is absent or computed while running.
    """

    class_name: str
    timeframe: str
    startup_candle_count: int
    can_short: bool


def strategy_inspect(code: str) -> StrategyFacts:
    """Find the strategy class in ``code`` and read its attributes.

    Raises ConfigurationError with a sentence for a person when the text is not Python,
    holds no strategy or more than one, or names no timeframe.
    """
    found = _strategies(_parse(code))
    if not found:
        raise ConfigurationError(
            "The file holds no strategy: no class in it derives from IStrategy."
            " Add one, such as `class MyStrategy(IStrategy):`."
        )
    if len(found) > 1:
        names = ", ".join(definition.name for definition in found)
        raise ConfigurationError(
            f"The file holds {len(found)} strategies ({names}). Keep one class that derives"
            " from IStrategy in each file."
        )
    return _facts(found[0])


def _parse(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise ConfigurationError(
            f"The strategy is not valid Python: line {error.lineno}: {error.msg}."
            " Correct the line and save again."
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigurationError(
            f"The strategy cannot be read as Python ({error}). Check that it is a text file."
        ) from error


def _strategies(tree: ast.Module) -> list[ast.ClassDef]:
    """Return the classes that derive from IStrategy, directly or through each other."""
    bases = {_BASE} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == _BASE and alias.asname
    }
    found: list[ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            _last_name(base) in bases for base in node.bases
        ):
            bases.add(node.name)
            found.append(node)
    return found


def _last_name(base: ast.expr) -> str:
    if isinstance(base, ast.Attribute):
        return base.attr
    return base.id if isinstance(base, ast.Name) else ""


def _facts(definition: ast.ClassDef) -> StrategyFacts:
    values = _literals(definition)
    timeframe, startup = values.get("timeframe"), values.get("startup_candle_count")
    if not isinstance(timeframe, str) or not timeframe:
        raise ConfigurationError(
            f"The strategy {definition.name} names no timeframe. Add a line such as"
            ' `timeframe = "5m"` to the class.'
        )
    return StrategyFacts(
        class_name=definition.name,
        timeframe=timeframe,
        startup_candle_count=startup if type(startup) is int and startup > 0 else 0,
        can_short=values.get("can_short") is True,
    )


def _literals(definition: ast.ClassDef) -> dict[str, Any]:
    """Return the class attributes whose value is written down as a literal."""
    values: dict[str, Any] = {}
    for node in definition.body:
        if isinstance(node, ast.Assign):
            targets: list[ast.expr] = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        if isinstance(node.value, ast.Constant):
            values.update(
                {t.id: node.value.value for t in targets if isinstance(t, ast.Name)}
            )
    return values
