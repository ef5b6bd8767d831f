"""What the API of strategies takes and gives; a secret is never part of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rest_framework import serializers

from btc_watcher.lib.api.paging import PageQuery
from btc_watcher.lib.api.strict import only_known
from strategies.hosts import Host, host_of
from strategies.lifecycle import ACTIONS
from strategies.models import Status, Strategy
from strategies.versions import config_run, without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from strategies.models import StrategyProcess, StrategyVersion
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


class StrategyQuery(PageQuery):
    """Which strategies of the list."""

    status = serializers.ChoiceField(required=False, choices=Status.values)
    type = serializers.ChoiceField(required=False, choices=Strategy.Type.values)
    exchange = serializers.CharField(required=False, max_length=50)
    pair = serializers.CharField(required=False, max_length=50)
    name = serializers.CharField(
        required=False, max_length=100, help_text="A part of the name, in any case."
    )

    @staticmethod
    def fits(row: ListedStrategy, query: Mapping[str, Any]) -> bool:
        """Tell whether a row is among those that ``query`` wants."""
        same = all(
            getattr(row, name) == query[name]
            for name in ("status", "type", "exchange")
            if name in query
        )
        named = query.get("name", "").casefold() in row.name.casefold()
        return same and named and ("pair" not in query or query["pair"] in row.pairs)


class UpdateSerializer(serializers.Serializer[None]):
    """What can be changed of a strategy without a draft; what is absent stays."""

    name = serializers.CharField(required=False, max_length=100)
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000
    )
    signal_thresholds = serializers.DictField(
        required=False,
        child=serializers.FloatField(),
        help_text="strong, medium and weak, 0 to 100.",
    )
    summary = serializers.CharField(
        required=False, max_length=500, help_text="Why, for the list of versions."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no field: a misspelled one would be lost in silence."""
        return only_known(self, attrs)


class CopySerializer(serializers.Serializer[None]):
    """What the copy is called."""

    name = serializers.CharField(max_length=100)


class CompareQuery(serializers.Serializer[None]):
    """The two versions."""

    old = serializers.CharField(max_length=20, help_text="Such as v1.0.")
    new = serializers.CharField(max_length=20, help_text="Such as v1.1.")


class RollBackSerializer(serializers.Serializer[None]):
    """Where to go back to."""

    version = serializers.CharField(max_length=20)


class LiveSerializer(serializers.Serializer[None]):
    """What it takes to trade for real; the strategy's name typed proves that it is meant."""

    typed_name = serializers.CharField(max_length=100)
    api_key = serializers.CharField(max_length=4096, write_only=True)
    api_secret = serializers.CharField(max_length=4096, write_only=True)


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
        "process": (host_of(strategy) or Host()).shape(),
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


def version_detail_shape(row: StrategyVersion) -> dict[str, Any]:
    """Return a version with its snapshot, in which no secret ever was."""
    shot = {key: value for key, value in row.config_snapshot.items() if key != "by"}
    return version_shape(row) | {"snapshot": shot}


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
        "shared_process": row.resource_usage.get("runner"),
    }


def changed_shape(strategy: Strategy) -> dict[str, Any]:
    """Return a strategy that was asked for something."""
    return {"id": strategy.pk, "name": strategy.name, "status": strategy.status}


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None
