"""That somebody waits for the list of releases; without Redis nobody does."""

from __future__ import annotations

import contextlib

from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import FREQTRADE_RELEASES_WANTED, RELEASES_WANTED_TTL


def releases_wanted_put(moment: str) -> None:
    """Note that the index is to be asked, since ``moment`` (ISO)."""
    with contextlib.suppress(RedisError):
        redis_connection().set(
            FREQTRADE_RELEASES_WANTED, moment, ex=RELEASES_WANTED_TTL
        )


def releases_wanted_read() -> str:
    """Return since when the index is to be asked, "" where nobody waits."""
    with contextlib.suppress(RedisError):
        found = redis_connection().get(FREQTRADE_RELEASES_WANTED)
        return found.decode() if isinstance(found, bytes) else ""
    return ""


def releases_wanted_drop() -> None:
    """Wait no longer."""
    with contextlib.suppress(RedisError):
        redis_connection().delete(FREQTRADE_RELEASES_WANTED)
