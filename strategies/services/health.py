"""Measured values of strategies: several writers, each with keys of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, LiteralString

import orjson
from django.db import connection, transaction

from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import HEALTH_OF_MANY
from notifications.messages import storable
from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping as MappingType

MERGE_HEALTH: LiteralString = (
    "UPDATE strategies SET health_metrics = health_metrics || %s::jsonb WHERE id = %s"
)
MERGE_PERFORMANCE: LiteralString = (
    "UPDATE strategies SET performance_metrics = performance_metrics || %s::jsonb"
    " WHERE id = %s"
)


def health_lock_many() -> None:
    """Be the only one who writes the health of many strategies in one transaction.

    Two that lock the same rows in different orders would wait for each other until the
    database ends one of them. It is let go of with the transaction.
    """
    lock_taken(HEALTH_OF_MANY, wait=True)


def health_merge(strategy_id: int, values: MappingType[str, Any]) -> bool:
    """Write top-level keys of ``health_metrics``; every other key stays as it is.

    One statement, so writers of different keys never undo one another. Returns False
    when there is no such row.
    """
    return _merge(MERGE_HEALTH, strategy_id, values)


def performance_merge(strategy_id: int, values: MappingType[str, Any]) -> bool:
    """Write top-level keys of ``performance_metrics``, as ``health_merge`` does."""
    return _merge(MERGE_PERFORMANCE, strategy_id, values)


@transaction.atomic
def candles_seen(strategy_id: int, newest: MappingType[str, int]) -> None:
    """Remember the newest analysed candle per pair (open time, ms since 1970).

    The collector back-fills from here after it was away. Values never go back.
    """
    strategy = (
        Strategy.objects.select_for_update(no_key=True)
        .only("id", "health_metrics")
        .filter(pk=strategy_id)
        .first()
    )
    if strategy is None:
        return
    kept = dict(strategy.health_metrics.get("last_candles") or {})
    for pair, stamp in newest.items():
        kept[pair] = max(stamp, kept.get(pair, 0))
    health_merge(strategy_id, {"last_candles": kept})


def jsonb(values: MappingType[str, Any]) -> str:
    """Return ``values`` as JSON that PostgreSQL stores: no NUL, no endless number."""
    return orjson.dumps(_storable(values), default=str).decode()


def _merge(sql: LiteralString, strategy_id: int, values: MappingType[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, [jsonb(values), strategy_id])
        return bool(cursor.rowcount)


def _storable(value: object) -> object:
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {storable(str(key)): _storable(v) for key, v in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value
