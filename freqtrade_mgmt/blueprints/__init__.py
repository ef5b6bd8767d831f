"""Templates of strategies: parameters in, readable strategy source out. Pure.

The generated text runs inside freqtrade and is never imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.blueprints.catalogue import BLUEPRINTS
from freqtrade_mgmt.blueprints.parameters import (
    Blueprint,
    Check,
    Choice,
    Kind,
    Parameter,
    Value,
    Values,
    parameters_clean,
)
from freqtrade_mgmt.strategy_code import class_name_check, timeframe_check

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Blueprint",
    "Check",
    "Choice",
    "Kind",
    "Parameter",
    "Value",
    "Values",
    "blueprint",
    "blueprint_code",
    "blueprints",
    "parameters_clean",
]


def blueprints() -> list[Blueprint]:
    """Return every template, in the order in which people should see them."""
    return list(BLUEPRINTS)


def blueprint(name: str) -> Blueprint:
    """Return the template called ``name``; raises ConfigurationError when there is none."""
    for known in BLUEPRINTS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in BLUEPRINTS)
    raise ConfigurationError(f"There is no template {name!r}. Choose one of {names}.")


def blueprint_code(
    name: str, class_name: str, timeframe: str, parameters: Mapping[str, object]
) -> str:
    """Return the source text of a strategy made from a template.

    ``parameters`` are as ``parameters_clean`` takes them; absent ones take their
    default. Raises ConfigurationError, naming it, for anything that is not allowed.
    """
    template = blueprint(name)
    class_name_check(class_name)
    timeframe_check(timeframe)
    values, problems = parameters_clean(template, parameters)
    if problems:
        told = " ".join(f"{field}: {why}" for field, why in problems.items())
        raise ConfigurationError(
            f"The template {name} cannot be used with these values. {told}"
        )
    return template.source(class_name, timeframe, values)
