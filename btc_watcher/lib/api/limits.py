"""How often somebody may ask, counted in Redis."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS

from btc_watcher.lib import redis_keys
from btc_watcher.lib.redis_client import RedisError, redis_connection

if TYPE_CHECKING:
    from rest_framework.request import Request

logger = logging.getLogger(__name__)


def limit_of(method: str) -> int:
    """Return how many requests of ``method`` a minute is enough for; 0 is no limit."""
    most: int = (
        settings.API_READS_PER_MINUTE
        if method in SAFE_METHODS
        else settings.API_CHANGES_PER_MINUTE
    )
    return most


def request_count(request: Request, endpoint: str, most: int) -> None:
    """Count a request of an address; raise Throttled when it is one too many."""
    address = request.META.get("REMOTE_ADDR") or "unknown"
    count_at(redis_keys.rate_limit(address, endpoint), most)


def count_at(key: str, most: int) -> None:
    """Count one more at a key; raise Throttled with the seconds to wait beyond ``most``.

    Without Redis nothing is limited: signals must get in all the same.
    """
    if most <= 0:
        return
    try:
        pipeline = redis_connection().pipeline()
        pipeline.incr(key)
        pipeline.expire(key, redis_keys.RATE_LIMIT_TTL, nx=True)
        pipeline.ttl(key)
        count, _new, life = pipeline.execute()
    except RedisError as error:
        logger.warning(
            "The API is not limited: Redis failed (%s).", type(error).__name__
        )
        return
    if int(count) > most:
        raise Throttled(wait=max(1, int(life)))
