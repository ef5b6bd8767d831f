"""What this app asks Redis directly; everything else goes through Celery."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING, Final, cast

from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import (
    PRIORITIES,
    notification_budget,
    notifications_queue,
    provider_token,
)
from notifications.budgets import LONGEST_WINDOW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifications.budgets import Limit

__all__ = [
    "RedisError",
    "budget_forget",
    "budget_load",
    "budget_take",
    "budgets_used",
    "provider_token_get",
    "provider_token_put",
    "queue_lengths",
]

# A sorted set holds the moment of every message. The member "ready" says that it is
# complete, and by its score how far back (negative milliseconds): after a flush it is
# not there, after a longer limit was set it reaches not far enough, and nothing is
# granted until the history has been read again. All times are Redis's own. Moments in
# its future, which a clock set back leaves behind, become now.
TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local key, member, force = KEYS[1], ARGV[1], ARGV[2] == '1'
local reach = -(tonumber(redis.call('ZSCORE', key, 'ready') or 0))
for position = 3, #ARGV, 2 do
  if tonumber(ARGV[position]) > reach then return -1 end
end
for _, early in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. now, '+inf')) do
  redis.call('ZADD', key, now, early)
end
local wait = 0
for position = 3, #ARGV, 2 do
  local window, most = tonumber(ARGV[position]), tonumber(ARGV[position + 1])
  local since = '(' .. (now - window)
  local used = redis.call('ZCOUNT', key, since, '+inf')
  if used >= most then
    local oldest = redis.call('ZRANGEBYSCORE', key, since, '+inf', 'WITHSCORES',
                              'LIMIT', used - most, 1)
    wait = math.max(wait, oldest[2] + window - now)
  end
end
if wait > 0 and not force then return wait end
redis.call('ZREMRANGEBYSCORE', key, 0, now - reach)
redis.call('ZADD', key, now, member)
return 0
"""
LOAD: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local reach = tonumber(ARGV[1])
if tonumber(redis.call('ZSCORE', KEYS[1], 'ready') or 0) <= -reach then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], -reach, 'ready')
for position = 2, #ARGV do
  redis.call('ZADD', KEYS[1], now - ARGV[position], 'past-' .. position)
end
return 1
"""


def queue_lengths() -> Mapping[str, int]:
    """Return how many tasks wait in the queue of each priority.

    Raises redis.RedisError when Redis is away.
    """
    with redis_connection().pipeline(transaction=False) as pipe:
        for priority in PRIORITIES:
            pipe.llen(notifications_queue(priority))
        return dict(zip(PRIORITIES, cast("list[int]", pipe.execute()), strict=True))


def budget_take(
    channel_id: int, limits: Sequence[Limit], *, force: bool = False
) -> float | None:
    """Take one message out of a channel's budget, atomically over all processes.

    Returns 0 when it was granted, else the seconds until one would be; None when
    Redis does not know what was sent lately (see ``budget_load``). ``force`` takes
    one whatever is left. Raises RedisError when Redis is away.
    """
    arguments = [
        number for each in limits for number in (each.seconds * 1000, each.most)
    ]
    answer = redis_connection().eval(
        TAKE,
        1,
        notification_budget(channel_id),
        uuid.uuid4().hex,
        str(int(force)),
        *map(str, arguments),
    )
    wait = cast("int", answer)
    return None if wait < 0 else wait / 1000


def budget_load(
    channel_id: int, ages: Sequence[float], *, seconds: int = LONGEST_WINDOW
) -> None:
    """Tell Redis when a channel sent in the last ``seconds``, each so long ago.

    Of several processes that do so the first one counts. Raises RedisError.
    """
    redis_connection().eval(
        LOAD,
        1,
        notification_budget(channel_id),
        str(seconds * 1000),
        *(str(int(age * 1000)) for age in ages),
    )


def budget_forget(channel_id: int) -> None:
    """Have the next message read the history again; without Redis nothing is known."""
    with contextlib.suppress(RedisError):
        redis_connection().delete(notification_budget(channel_id))


def provider_token_get(name: str) -> tuple[str, float]:
    """Return a provider's sealed token and the seconds it is still good for.

    Nothing, and 0, when there is none or Redis is away.
    """
    key = provider_token(name)
    try:
        with redis_connection().pipeline(transaction=False) as pipe:
            pipe.get(key)
            pipe.ttl(key)
            value, seconds = pipe.execute()
    except RedisError:
        return "", 0.0
    return value.decode() if value else "", max(float(seconds), 0.0)


def provider_token_put(name: str, value: str, seconds: int) -> None:
    """Keep a provider's sealed token; without Redis every process has its own."""
    with contextlib.suppress(RedisError):
        redis_connection().set(provider_token(name), value, ex=seconds)


def budgets_used(
    wanted: Mapping[int, Sequence[Limit]],
) -> dict[int, list[int] | None]:
    """Return how many messages each channel has sent in the window of each limit.

    None for a channel of which Redis knows nothing. Raises RedisError when it is away.
    """
    if not wanted:
        return {}
    client = redis_connection()
    seconds, micros = client.time()
    now = seconds * 1000 + micros // 1000
    with client.pipeline(transaction=False) as pipe:
        for channel_id, limits in wanted.items():
            key = notification_budget(channel_id)
            pipe.zscore(key, "ready")
            for limit in limits:
                pipe.zcount(key, f"({now - limit.seconds * 1000}", "+inf")
        answers = iter(pipe.execute())
    used: dict[int, list[int] | None] = {}
    for channel_id, limits in wanted.items():
        known = next(answers) is not None
        counts = [int(next(answers)) for _limit in limits]
        used[channel_id] = counts if known else None
    return used
