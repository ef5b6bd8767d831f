"""Writing strategies and the record of their processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils import timezone

from btc_watcher.lib.errors import BtcWatcherError
from strategies import lifecycle
from strategies.models import Status, Strategy, StrategyProcess, StrategyVersion

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from accounts.models import User

PAIR = re.compile(r"[A-Z0-9]{1,12}/[A-Z0-9]{1,8}(:[A-Z0-9]{1,8})?")
NEEDED = ("class_name", "code", "exchange", "pairs", "timeframe")
ERRORS_KEPT = 500


@transaction.atomic
def strategy_create(
    *,
    name: str,
    config: Mapping[str, Any],
    freqtrade_config: Mapping[str, Any] | None = None,
    signal_thresholds: Mapping[str, float] | None = None,
    description: str = "",
    created_by: User | None = None,
) -> Strategy:
    """Store a stopped strategy and its first version.

    Raises BtcWatcherError when the name is taken or the configuration lacks
    something.
    """
    _check(name, config)
    strategy = Strategy.objects.create(
        name=name,
        description=description,
        config=dict(config),
        freqtrade_config=dict(freqtrade_config or {}),
        signal_thresholds=dict(
            signal_thresholds or {"strong": 80, "medium": 50, "weak": 20}
        ),
        created_by=created_by,
    )
    StrategyVersion.objects.create(
        strategy=strategy,
        version=strategy.version,
        config_snapshot={
            "config": strategy.config,
            "freqtrade_config": strategy.freqtrade_config,
            "signal_thresholds": strategy.signal_thresholds,
        },
        change_summary="",
        is_active=True,
    )
    return strategy


def strategy_start(strategy_id: int) -> Strategy:
    """Ask for a strategy to run; the supervisor starts it within seconds."""
    return strategy_status_set(strategy_id, Status.STARTING)


def strategy_stop(strategy_id: int) -> Strategy:
    """Ask for a strategy to stop."""
    return strategy_status_set(strategy_id, Status.STOPPING)


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
    strategy = Strategy.objects.select_for_update().get(pk=strategy_id)
    if only_from is not None and strategy.status not in only_from:
        return strategy
    changed = lifecycle.change(strategy.name, strategy.status, status)
    if changed or reason:
        strategy.status = status
        strategy.health_metrics["reason"] = reason[:ERRORS_KEPT]
        strategy.save(update_fields=["status", "health_metrics", "updated_at"])
    return strategy


def process_started(
    strategy_id: int, *, pid: int, create_time: float, details: Mapping[str, Any]
) -> StrategyProcess:
    """Record a process that was started for a strategy."""
    return StrategyProcess.objects.create(
        strategy_id=strategy_id,
        pid=pid,
        status=Status.STARTING,
        resource_usage={"create_time": create_time, **details},
    )


def process_seen(process_id: int, *, status: str, rss_mb: float) -> None:
    """Record that a process is alive."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE strategy_processes SET status = %s, last_heartbeat = now(),"
            " resource_usage = resource_usage || jsonb_build_object('rss_mb', %s::numeric)"
            " WHERE id = %s",
            [status, round(rss_mb, 1), process_id],
        )


@transaction.atomic
def process_stopped(
    process_id: int, *, status: str, reason: str, moment: datetime | None = None
) -> None:
    """Record that a process has ended, with the reason in words."""
    process = StrategyProcess.objects.select_for_update().get(pk=process_id)
    process.status = status
    process.stop_time = moment or timezone.now()
    process.resource_usage["reason"] = reason[:ERRORS_KEPT]
    process.save(update_fields=["status", "stop_time", "resource_usage"])


def candles_seen(strategy_id: int, newest: Mapping[str, int]) -> None:
    """Remember the newest analysed candle per pair (open time, ms since 1970).

    The collector back-fills from here after it was away. Values never go back.
    """
    with transaction.atomic():
        strategy = (
            Strategy.objects.select_for_update()
            .only("id", "health_metrics")
            .filter(pk=strategy_id)
            .first()
        )
        if strategy is None:
            return
        kept = strategy.health_metrics.setdefault("last_candles", {})
        for pair, stamp in newest.items():
            kept[pair] = max(stamp, kept.get(pair, 0))
        Strategy.objects.filter(pk=strategy_id).update(
            health_metrics=strategy.health_metrics
        )


def _check(name: str, config: Mapping[str, Any]) -> None:
    if Strategy.objects.filter(name=name, is_draft=False).exists():
        raise BtcWatcherError(
            f"There is a strategy {name!r} already; choose another name."
        )
    missing = [key for key in NEEDED if not config.get(key)]
    if missing:
        raise BtcWatcherError(
            f"The configuration of {name!r} lacks {', '.join(missing)}."
        )
    texts = ("class_name", "code", "exchange", "timeframe")
    if odd := [key for key in texts if not isinstance(config[key], str)]:
        raise BtcWatcherError(
            f"{odd[0]} of {name!r} is {config[odd[0]]!r}; it must be a text."
        )
    if not isinstance(config["pairs"], list | tuple):
        raise BtcWatcherError(f"The pairs of {name!r} must be a list.")
    wrong = [pair for pair in config["pairs"] if not PAIR.fullmatch(str(pair))]
    if wrong:
        raise BtcWatcherError(
            f"{wrong[0]!r} is not a trading pair; write it like BTC/USDT."
        )
