"""Putting events into Redis after they were committed."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson
import redis

from btc_watcher.lib import redis_keys
from btc_watcher.lib.redis_client import redis_connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.commands.core import Script

logger = logging.getLogger(__name__)

RELOAD: Final = orjson.dumps({"type": "reload"})
# One command for all: a command for each entry costs the client more than Redis.
# ARGV: length of the stream, length of the list, its time to live, number of new
# signals, then the new signals for the list, then the events for the stream.
APPEND: Final = """
local listed = tonumber(ARGV[4])
for index = 5 + listed, #ARGV do
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'data', ARGV[index])
end
if listed > 0 then
    for index = 5, 4 + listed do
        redis.call('LPUSH', KEYS[2], ARGV[index])
    end
    redis.call('LTRIM', KEYS[2], 0, ARGV[2] - 1)
    redis.call('EXPIRE', KEYS[2], ARGV[3])
end
"""
# Entries of one command: other clients wait for no more than these.
CHUNK: Final = 1_000


class _Missed:
    """Whether events of this process were lost while Redis was away."""

    events = False


_missed = _Missed()


def publish(events: Sequence[dict[str, Any]]) -> None:
    """Append events to the stream and new signals to the realtime list.

    Call it after the commit. When Redis is away the events are dropped and
    pages are told to reload as soon as it is back, so it never raises.
    """
    encoded = [orjson.dumps(event) for event in events]
    newest = [
        data
        for event, data in zip(events, encoded, strict=True)
        if event["type"] == "signal" and not event["signal"]["metadata"].get("late")
    ]
    try:
        _append(encoded, newest)
    except redis.RedisError as error:
        _missed.events = True
        logger.error(  # noqa: TRY400 - the stack says nothing about a lost server
            "Redis is away (%s): %d live events were not shown. Pages reload from the"
            " database when it is back.",
            type(error).__name__,
            len(events),
        )


def publish_reload() -> None:
    """Tell every page to load anew: events may have been lost before this one."""
    _missed.events = True
    publish([])


def _append(encoded: Sequence[bytes], newest: Sequence[bytes]) -> None:
    if _missed.events:
        encoded = [RELOAD, *encoded]
    listed = newest[-redis_keys.REALTIME_LENGTH :]
    for start in range(0, len(encoded), CHUNK):
        last = start + CHUNK >= len(encoded)
        _append_chunk(encoded[start : start + CHUNK], listed if last else [])
    _missed.events = False


def _append_chunk(encoded: Sequence[bytes], listed: Sequence[bytes]) -> None:
    _script()(
        keys=[redis_keys.SIGNALS_STREAM, redis_keys.SIGNALS_REALTIME],
        args=[
            redis_keys.STREAM_LENGTH,
            redis_keys.REALTIME_LENGTH,
            redis_keys.REALTIME_TTL,
            len(listed),
            *listed,
            *encoded,
        ],
        client=redis_connection(),
    )


@cache
def _script() -> Script:
    return redis_connection().register_script(APPEND)


def cursor_now() -> str:
    """Return the cursor after the last event, or ``0-0`` when there is none.

    Read it before the signals that a page shows: what arrives in between is
    then sent twice and merged by id, never missed.
    """
    try:
        info = redis_connection().xinfo_stream(redis_keys.SIGNALS_STREAM)
    except redis.RedisError:
        return "0-0"
    return str(info["last-generated-id"].decode())
