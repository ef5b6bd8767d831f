"""What is asked of strategies, and what the supervisor saw of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from btc_watcher.lib.errors import BtcWatcherError
from strategies import lifecycle
from strategies.services.health import jsonb
from strategies.services.storing import list_changed, strategy_locked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from strategies.models import Strategy

REASON_LENGTH = 500
SET = """
UPDATE strategies
SET status = %s, health_metrics = health_metrics || %s::jsonb,
    updated_at = clock_timestamp()
WHERE id = %s
RETURNING updated_at
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """The strategies that were asked, and a sentence for each that was not.

    ``results`` has, by number, the state now (None when refused) and that sentence.
    """

    done: list[Strategy] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    results: dict[int, tuple[str | None, str]] = field(default_factory=dict)


def strategy_start(strategy_id: int) -> Strategy:
    """Ask for a strategy to run; the supervisor starts it within seconds.

    Raises IllegalChangeError with a sentence, or StrategyMissingError.
    """
    return _ask(strategy_id, "start")


def strategy_stop(strategy_id: int) -> Strategy:
    """Ask for a strategy to stop. Raises as strategy_start."""
    return _ask(strategy_id, "stop")


def strategy_restart(strategy_id: int) -> Strategy:
    """Ask for a strategy's bot to be replaced by a new one. Raises as strategy_start."""
    return _ask(strategy_id, "restart")


def strategies_change(ids: Iterable[int], action: str) -> Changed:
    """Ask ``action`` (start, stop, restart) of many strategies, each for itself.

    One that refuses keeps none of the others. Raises IllegalChangeError when there is
    no such action.
    """
    if action not in lifecycle.ACTIONS:
        lifecycle.asked("", "stopped", action)
    changed = Changed()
    for strategy_id in dict.fromkeys(ids):
        try:
            strategy = _ask(strategy_id, action)
        except BtcWatcherError as error:
            changed.refused.append(error.message)
            changed.results[strategy_id] = None, error.message
        else:
            changed.done.append(strategy)
            changed.results[strategy_id] = strategy.status, ""
    return changed


@transaction.atomic
def strategy_status_set(
    strategy_id: int,
    status: str,
    *,
    reason: str = "",
    only_from: Collection[str] | None = None,
) -> Strategy:
    """Move a strategy to another state; ``reason`` is kept with errors.

    With ``only_from`` nothing happens in any other state: what a person asked for
    meanwhile is stronger than what was seen before. Raises IllegalChangeError when
    the state cannot follow the current one.
    """
    strategy = strategy_locked(strategy_id)
    if only_from is not None and strategy.status not in only_from:
        return strategy
    changed = lifecycle.change(strategy.name, strategy.status, status)
    if changed or reason:
        _set(strategy, status, {"reason": reason[:REASON_LENGTH]})
    return strategy


@transaction.atomic
def _ask(strategy_id: int, action: str) -> Strategy:
    strategy = strategy_locked(strategy_id)
    wanted = lifecycle.asked(strategy.name, strategy.status, action)
    if wanted is None:
        return strategy
    metrics: dict[str, Any] = {"reason": ""}
    if action == "restart":
        # The supervisor replaces a bot that was started under another number.
        metrics["restarts"] = int(strategy.health_metrics.get("restarts") or 0) + 1
    _set(strategy, wanted, metrics)
    return strategy


def _set(strategy: Strategy, status: str, metrics: Mapping[str, Any]) -> None:
    """Write to a locked row only what is ours of it."""
    with connection.cursor() as cursor:
        cursor.execute(SET, [str(status), jsonb(metrics), strategy.pk])
        ((strategy.updated_at,),) = cursor.fetchall()
    strategy.status = str(status)
    strategy.health_metrics |= metrics
    list_changed()
