"""How far a test has come, for the page that waits for it; without Redis it is blank."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import orjson

from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import PROXY_TEST_TTL, proxy_test, proxy_test_claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "RedisError",
    "claim_test",
    "live_get",
    "live_put",
    "lives_get",
    "release_test",
]


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
    return lives_get([proxy_id]).get(proxy_id)


def lives_get(proxy_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return what ``live_put`` noted of each, where that was not long ago.

    Redis is asked once: one that hangs holds a page up once, and not for every row.
    """
    texts: Any = []
    with contextlib.suppress(RedisError):
        if proxy_ids:
            texts = redis_connection().mget([proxy_test(each) for each in proxy_ids])
    found = dict(zip(proxy_ids, map(_read, texts), strict=False))
    return {number: live for number, live in found.items() if live is not None}


def _read(text: object) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text) if isinstance(text, bytes) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


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
