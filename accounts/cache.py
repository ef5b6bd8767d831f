"""Counters of login attempts in Redis."""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.cache import caches

from btc_watcher.lib import redis_keys
from btc_watcher.lib.redis_client import RedisError, redis_connection

logger = logging.getLogger(__name__)

# Attempts within redis_keys.RATE_LIMIT_TTL seconds.
PER_ADDRESS_AND_ACCOUNT: Final = 5
PER_ADDRESS: Final = 30
PER_ACCOUNT: Final = 60


def login_wait(*, ip_address: str | None, username: str) -> int:
    """Count one login attempt; return the seconds to wait, or 0 when it may go on.

    Counted before the password is looked at, so that attempts sent at once do not
    slip through together. Without Redis nothing is limited: a person who cannot log
    in while Redis is away could not repair it either.
    """
    limits = _limits(ip_address, username)
    try:
        pipeline = redis_connection().pipeline()
        for key in limits:
            pipeline.incr(key)
            pipeline.expire(key, redis_keys.RATE_LIMIT_TTL, nx=True)
            pipeline.ttl(key)
        answers = pipeline.execute()
    except RedisError as error:
        logger.warning(
            "Login attempts are not limited: Redis failed (%s).", type(error).__name__
        )
        return 0
    counts, lives = answers[0::3], answers[2::3]
    waits = [
        max(1, int(life))
        for count, life, limit in zip(counts, lives, limits.values(), strict=True)
        if count > limit
    ]
    return max(waits, default=0)


def login_forgive(*, ip_address: str | None, username: str) -> None:
    """Take back the attempt that succeeded, and the failures before it."""
    pair, *others = _limits(ip_address, username)
    try:
        pipeline = redis_connection().pipeline()
        pipeline.delete(pair)
        for key in others:
            pipeline.decr(key)
            pipeline.expire(key, redis_keys.RATE_LIMIT_TTL, nx=True)
        pipeline.execute()
    except RedisError as error:
        logger.warning(
            "A login attempt was not taken back: Redis failed (%s).",
            type(error).__name__,
        )


def sessions_forget() -> None:
    """Forget every browser's session: what counts is in the database, which was replaced.

    Without Redis there is nothing to forget, and a page asks the database.
    """
    cache: Any = caches[settings.SESSION_CACHE_ALIAS]
    cache.delete_pattern(f"{SessionStore.cache_key_prefix}*")


def _limits(ip_address: str | None, username: str) -> dict[str, int]:
    ip = ip_address or "unknown"
    # A digest: names are of any length, and people type passwords into this field.
    account = hashlib.sha256(username.encode()).hexdigest()[:32]
    return {
        redis_keys.rate_limit(ip, f"login:{account}"): PER_ADDRESS_AND_ACCOUNT,
        redis_keys.rate_limit(ip, "login"): PER_ADDRESS,
        redis_keys.rate_limit("any", f"login:{account}"): PER_ACCOUNT,
    }
