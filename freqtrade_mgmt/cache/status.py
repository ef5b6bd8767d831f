"""What the health rounds keep in Redis. Nothing here ever fails a round or a page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, cast

from django.core.cache import cache

from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import STRATEGY_STATUS_TTL, strategy_status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = logging.getLogger(__name__)

# The day's signals are counted in every round, as people compare them with those that
# they see; what is usual after an hour.
COUNTS_SECONDS: Final = {"day": 25, "usual": 3600}


def statuses_write(statuses: Mapping[int, Mapping[str, str]]) -> bool:
    """Write ``strategy:status:{id}`` of many strategies at once; they live for 60 s.

    Returns whether Redis took them.
    """
    if not statuses:
        return True
    try:
        with redis_connection().pipeline(transaction=False) as pipe:
            for strategy_id, values in statuses.items():
                key = strategy_status(strategy_id)
                fields: dict[Any, Any] = dict(values)
                pipe.hset(key, mapping=fields)
                pipe.expire(key, STRATEGY_STATUS_TTL)
            pipe.execute()
    except RedisError as error:
        logger.warning(
            "The states of strategies are not in Redis (%s); pages read PostgreSQL.",
            type(error).__name__,
        )
        return False
    return True


def statuses_read(strategy_ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """Return status, health_score, uptime and last_update by id, of those that are there.

    Empty while Redis is away.
    """
    wanted = list(strategy_ids)
    try:
        with redis_connection().pipeline(transaction=False) as pipe:
            for strategy_id in wanted:
                pipe.hgetall(strategy_status(strategy_id))
            found = cast("list[dict[bytes, bytes]]", pipe.execute())
    except RedisError as error:
        logger.warning(
            "The states of strategies cannot be read from Redis (%s).",
            type(error).__name__,
        )
        return {}
    return {
        strategy_id: {key.decode(): value.decode() for key, value in values.items()}
        for strategy_id, values in zip(wanted, found, strict=True)
        if values
    }


def counts_read(kind: str) -> dict[int, int] | None:
    """Return the counted signals by strategy; None when they are old or Redis is away.

    ``kind`` is "day" (the last 24 hours) or "usual" (the seven days before).
    """
    found = cache.get(f"health:signals:{kind}")
    return found if isinstance(found, dict) else None


def counts_write(kind: str, counts: Mapping[int, int]) -> None:
    """Keep counted signals until they are to be counted again."""
    cache.set(f"health:signals:{kind}", dict(counts), COUNTS_SECONDS[kind])
