"""New strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from strategies.errors import StrategyMissingError
from strategies.models import Strategy
from strategies.rules import DEFAULT_THRESHOLDS, name_cleaned
from strategies.selectors import strategy_by_id
from strategies.services.proxying import proxy_assigned, proxy_problems
from strategies.services.storing import (
    list_changed,
    name_keep,
    sound_or_refused,
    version_store,
)
from strategies.versions import FIRST, config_run, plain, without_live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.models import User


@transaction.atomic
def strategy_create(  # noqa: PLR0913 - what a row is made of
    *,
    name: str,
    config: Mapping[str, Any],
    freqtrade_config: Mapping[str, Any] | None = None,
    signal_thresholds: Mapping[str, float] | None = None,
    description: str = "",
    type: str = Strategy.Type.SIGNAL_MONITOR,  # noqa: A002 - the name of the column
    parent: Strategy | None = None,
    created_by: User | None = None,
    summary: str = "",
) -> Strategy:
    """Store a stopped strategy and its first version.

    It never trades for real: that is turned on for one strategy by itself. Raises
    RefusedError when the name is taken or the configuration cannot work.
    """
    strategy = Strategy(
        name=name_cleaned(name),
        description=description,
        type=str(type),
        version=FIRST,
        config=config_run(config),
        freqtrade_config=without_live(freqtrade_config or {}),
        signal_thresholds=plain(signal_thresholds or DEFAULT_THRESHOLDS),
        parent_strategy=parent,
        created_by=created_by,
    )
    sound_or_refused(strategy, more=proxy_problems(strategy.freqtrade_config))
    name_keep(strategy.name)
    strategy.save(force_insert=True)
    version_store(strategy, by=created_by, summary=summary)
    proxy_assigned(strategy.freqtrade_config)
    list_changed()
    return strategy


def strategy_copy(strategy_id: int, *, name: str, by: User | None) -> Strategy:
    """Store a stopped copy under another name; leave to trade for real stays behind.

    Raises StrategyMissingError, or RefusedError when the name is taken.
    """
    original = strategy_by_id(strategy_id)
    if original is None:
        raise StrategyMissingError.strategy(strategy_id)
    return strategy_create(
        name=name,
        config=original.config,
        freqtrade_config=original.freqtrade_config,
        signal_thresholds=original.signal_thresholds,
        description=original.description or "",
        type=original.type,
        parent=original,
        created_by=by,
        # Stored in English, and translated where it is shown.
        summary=f"Copied from {original.name} {original.version}.",
    )
