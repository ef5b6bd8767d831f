"""How a strategy's signals are graded, from its row.

A mistyped threshold must not cost a signal: what cannot be read is told in the log,
and the defaults are used.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from signals_app.grading import StrengthRule, Thresholds

if TYPE_CHECKING:
    from strategies.models import Strategy

logger = logging.getLogger(__name__)

Rule = TypeVar("Rule", Thresholds, StrengthRule)


def thresholds_of(strategy: Strategy | None) -> Thresholds:
    """Return the thresholds of a strategy; the defaults for a name without a row."""
    return _parse(strategy, Thresholds, strategy and strategy.signal_thresholds)


def strength_rule_of(strategy: Strategy | None) -> StrengthRule:
    """Return where a strategy's strength is found; the defaults without a row."""
    return _parse(strategy, StrengthRule, strategy and strategy.config.get("strength"))


def _parse(strategy: Strategy | None, kind: type[Rule], values: object) -> Rule:
    try:
        if values is not None and not isinstance(values, dict):
            raise ValueError(f"{values!r} is no object of settings.")  # noqa: TRY301 - as the parser's own
        return kind.parse(values)
    except ValueError as error:
        logger.error("%s: %s The defaults are used.", strategy, error)  # noqa: TRY400 - a sentence says it all
        return kind()
