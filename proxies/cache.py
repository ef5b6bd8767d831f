"""How far a test has come, for the page that waits for it; without Redis it is blank."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import orjson

from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import PROXY_TEST_TTL, proxy_test, proxy_test_claim

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RedisError", "claim_test", "live_get", "live_put", "release_test"]


def live_put(proxy_id: int, values: Mapping[str, Any]) -> None:
    """Note how far a test has come.

    ``state`` is waiting, running, done or failed (nobody could be asked to test);
    ``why`` is why, ``at`` when (ISO); done has success, latency_ms, failure, message,
    exit_address, status (of the proxy) and test (its number); failed has message.
    """
    with contextlib.suppress(RedisError):
        redis_connection().set(
            proxy_test(proxy_id), orjson.dumps(dict(values)), ex=PROXY_TEST_TTL
        )


def live_get(proxy_id: int) -> dict[str, Any] | None:
    """Return what ``live_put`` noted; None when it was long ago, or Redis is away."""
    with contextlib.suppress(RedisError, ValueError):
        text = redis_connection().get(proxy_test(proxy_id))
        found = orjson.loads(text) if isinstance(text, bytes) else None
        return found if isinstance(found, dict) else None
    return None


def claim_test(proxy_id: int, why: str, seconds: float) -> bool:
    """Be the only one to ask for a test for this reason for ``seconds``; True if so."""
    try:
        return bool(
            redis_connection().set(
                proxy_test_claim(proxy_id, why), b"1", ex=max(1, int(seconds)), nx=True
            )
        )
    except RedisError:
        return True


def release_test(proxy_id: int, why: str) -> None:
    """Let others ask again, because it could not be asked for."""
    with contextlib.suppress(RedisError):
        redis_connection().delete(proxy_test_claim(proxy_id, why))
