"""What the API of strategies takes and gives; a secret is never part of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rest_framework import serializers

from strategies.lifecycle import ACTIONS
from strategies.versions import config_run, without_secrets

if TYPE_CHECKING:
    from datetime import datetime

    from strategies.models import Strategy, StrategyProcess, StrategyVersion
    from strategies.selectors import ListedStrategy

LARGEST_CHANGE: Final = 1_000
LARGEST_ID: Final = 2**31 - 1


class ChangeSerializer(serializers.Serializer[None]):
    """What is asked of many strategies at once."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        allow_empty=False,
        max_length=LARGEST_CHANGE,
    )
    action = serializers.ChoiceField(choices=ACTIONS)


def listed_shape(row: ListedStrategy) -> dict[str, Any]:
    """Return a row of the list."""
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "type": row.type,
        "version": row.version,
        "status": row.status,
        "reason": row.reason,
        "exchange": row.exchange,
        "pairs": list(row.pairs),
        "timeframe": row.timeframe,
        "freqtrade_version": row.freqtrade_version,
        "live": row.live,
        "health": row.health,
        "last_candles": row.health_metrics.get("last_candles") or {},
        "heartbeat": _moment(row.heartbeat),
        "created_at": _moment(row.created_at),
        "updated_at": _moment(row.updated_at),
    }


def detail_shape(strategy: Strategy) -> dict[str, Any]:
    """Return what one strategy's page adds to its row of the list."""
    return {
        "config": config_run(strategy.config),
        "freqtrade_config": without_secrets(strategy.freqtrade_config),
        "signal_thresholds": strategy.signal_thresholds,
        "parent": strategy.parent_strategy_id,
    }


def version_shape(row: StrategyVersion) -> dict[str, Any]:
    """Return a version without its snapshot."""
    by = row.config_snapshot.get("by")
    return {
        "version": row.version,
        "summary": row.change_summary or "",
        "active": row.is_active,
        "by": by.get("username") if isinstance(by, dict) else None,
        "created_at": _moment(row.created_at),
    }


def process_shape(row: StrategyProcess) -> dict[str, Any]:
    """Return a process that ran the strategy, and how it ended."""
    return {
        "pid": row.pid,
        "status": row.status,
        "started_at": _moment(row.start_time),
        "stopped_at": _moment(row.stop_time),
        "heartbeat": _moment(row.last_heartbeat),
        "reason": row.resource_usage.get("reason", ""),
        "rss_mb": row.resource_usage.get("rss_mb"),
        "freqtrade_version": row.resource_usage.get("freqtrade_version"),
    }


def changed_shape(strategy: Strategy) -> dict[str, Any]:
    """Return a strategy that was asked for something."""
    return {"id": strategy.pk, "name": strategy.name, "status": strategy.status}


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None
