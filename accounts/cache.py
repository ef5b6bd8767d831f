"""Failed logins, and who listens to a WebSocket, in Redis."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.cache import caches

from btc_watcher.lib import redis_keys
from btc_watcher.lib.redis_client import RedisError, redis_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

# Attempts of one address within redis_keys.RATE_LIMIT_TTL seconds. It never grows: an
# office behind one address must not be locked out by one of its people.
PER_ADDRESS: Final = 60
# Failures that cost no wait; after them the wait doubles from FIRST_WAIT to LONGEST_WAIT.
FREE_PER_PAIR: Final = 5
FREE_PER_ACCOUNT: Final = 25
FIRST_WAIT: Final = 15
LONGEST_WAIT: Final = 900
# Kept of different addresses, so that a thousand of them fill no memory.
ADDRESSES_KEPT: Final = 500

# Looks whether an attempt is due, and counts it as failed until it is forgiven; all in
# one step, so that attempts sent at once do not slip through together.
# KEYS: the account's hash. ARGV: first wait, longest, time to live, addresses kept, and
# then pairs of a field and the failures that are free for it (negative: not waited for).
_ATTEMPT: Final = """
local now = tonumber(redis.call('TIME')[1])
local first, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait = 0
for i = 5, #ARGV, 2 do
  local free = tonumber(ARGV[i + 1])
  local count = tonumber(redis.call('HGET', KEYS[1], ARGV[i] .. ':n') or '0')
  local last = tonumber(redis.call('HGET', KEYS[1], ARGV[i] .. ':at') or '0')
  if last > now then
    -- The clock was set back: without this the wait would last until it is there again.
    last = now
    redis.call('HSET', KEYS[1], ARGV[i] .. ':at', now)
  end
  if free >= 0 and count >= free then
    local pause = math.min(longest, first * 2 ^ math.min(count - free, 20))
    wait = math.max(wait, last + pause - now)
  end
end
if wait > 0 then return math.ceil(wait) end
if redis.call('HLEN', KEYS[1]) > 2 * tonumber(ARGV[4]) then redis.call('DEL', KEYS[1]) end
for i = 5, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i] .. ':n', 1)
  redis.call('HSET', KEYS[1], ARGV[i] .. ':at', now)
end
redis.call('HSET', KEYS[1], 'from', ARGV[#ARGV - 1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 0
"""


class Failures(NamedTuple):
    """Attempts on an account that failed since the last login, and the latest one."""

    number: int = 0
    last_at: int = 0
    last_address: str = ""


def login_wait(
    *, ip_address: str | None, username: str, known_address: bool = False
) -> int:
    """Count one login attempt; return the seconds to wait, or 0 when it may go on.

    Two things make the wait grow: failures of this address on this account, and
    failures of all addresses on it, of which those do not suffer that the account has
    logged in from before (``known_address``). Without Redis nothing is limited: a person
    who cannot log in while Redis is away could not repair it either.
    """
    try:
        if wait := _address_wait(ip_address):
            return wait
        return _attempt(
            redis_keys.login_failures(_digest(username)),
            {
                "all": -1 if known_address else FREE_PER_ACCOUNT,
                ip_address or "unknown": FREE_PER_PAIR,
            },
        )
    except RedisError as error:
        logger.warning(
            "Login attempts are not limited: Redis failed (%s).", type(error).__name__
        )
        return 0


def login_forgive(*, ip_address: str | None, username: str) -> Failures:
    """Take back the attempt that succeeded; forget and return the failures before it.

    What other addresses failed with goes on counting for them: whoever is guessing
    must not begin anew with each login of the owner.
    """
    key, ip = redis_keys.login_failures(_digest(username)), ip_address or "unknown"
    try:
        client = redis_connection()
        found: dict[bytes, bytes] = client.hgetall(key)  # type: ignore[assignment]
        pipeline = client.pipeline()
        pipeline.hdel(key, f"{ip}:n", f"{ip}:at", "all:n", "all:at", "from")
        pipeline.decr(redis_keys.rate_limit(ip, "login"))
        pipeline.expire(
            redis_keys.rate_limit(ip, "login"), redis_keys.RATE_LIMIT_TTL, nx=True
        )
        pipeline.execute()
    except RedisError as error:
        logger.warning(
            "A login attempt was not taken back: Redis failed (%s).",
            type(error).__name__,
        )
        return Failures()
    return _failures(found, ip)


def login_lock(username: str) -> tuple[int, int]:
    """Return how often logins to an account failed lately, and the longest wait there is.

    The wait is of an address that the account has never logged in from.
    """
    try:
        found: Any = redis_connection().hgetall(
            redis_keys.login_failures(_digest(username))
        )
        now: Any = redis_connection().time()
    except RedisError:
        return 0, 0
    counts = {key.decode(): int(each) for key, each in found.items() if key != b"from"}
    waits = [
        min(counts.get(f"{field}:at", 0), now[0]) + pause(count - free) - now[0]
        for name, count in counts.items()
        if name.endswith(":n")
        for field in [name.removesuffix(":n")]
        for free in [FREE_PER_ACCOUNT if field == "all" else FREE_PER_PAIR]
        if count >= free
    ]
    return counts.get("all:n", 0), max(0, *waits) if waits else 0


def login_unlock(username: str) -> bool:
    """Forget every failed login to an account; False when Redis does not answer."""
    try:
        redis_connection().delete(redis_keys.login_failures(_digest(username)))
    except RedisError as error:
        logger.warning("Logins were not unlocked: %s.", type(error).__name__)
        return False
    return True


def pause(beyond: int) -> int:
    """Return the seconds to wait after so many failures more than are free."""
    return min(LONGEST_WAIT, FIRST_WAIT << min(beyond, 20))


def account_is_known() -> bool:
    """Tell whether it was noted lately that somebody can log in; also without Redis."""
    try:
        return bool(redis_connection().exists(redis_keys.ACCOUNT_KNOWN))
    except RedisError:
        return True


def account_note() -> None:
    """Note that somebody can log in."""
    with contextlib.suppress(RedisError):
        redis_connection().set(
            redis_keys.ACCOUNT_KNOWN, "1", ex=redis_keys.ACCOUNT_KNOWN_TTL
        )


def listening(user_id: int, connection_id: str, values: Mapping[str, str]) -> None:
    """Note in ``ws:session:{user_id}`` what is known of a WebSocket of a person."""
    key = redis_keys.ws_session(user_id)
    told: Any = {"connection_id": connection_id, **values}
    try:
        pipeline = redis_connection().pipeline()
        pipeline.hset(key, mapping=told)
        pipeline.expire(key, redis_keys.WS_SESSION_TTL)
        pipeline.execute()
    except RedisError as error:
        logger.debug("A WebSocket was not noted: %s.", type(error).__name__)


def listened(user_id: int, connection_id: str) -> None:
    """Remove the note when it is of this connection, not of a later one."""
    key = redis_keys.ws_session(user_id)
    try:
        client = redis_connection()
        if client.hget(key, "connection_id") == connection_id.encode():
            client.delete(key)
    except RedisError as error:
        logger.debug("A WebSocket was not noted: %s.", type(error).__name__)


def listening_of(user_id: int) -> dict[str, str]:
    """Return the note: connection_id, connected_at, last_ping; empty when none listens."""
    try:
        found: Any = redis_connection().hgetall(redis_keys.ws_session(user_id))
    except RedisError:
        return {}
    return {key.decode(): each.decode() for key, each in found.items()}


def login_ended_tell(user_id: int) -> None:
    """Tell every web process that a login or token of a person has ended."""
    try:
        redis_connection().publish(redis_keys.LOGINS_ENDED, str(user_id))
    except RedisError as error:
        # Open connections find out by themselves, a little later.
        logger.debug("The end of a login was not told: %s.", type(error).__name__)


def sessions_forget() -> None:
    """Forget every browser's session: what counts is in the database, which was replaced.

    Without Redis there is nothing to forget, and a page asks the database.
    """
    cache: Any = caches[settings.SESSION_CACHE_ALIAS]
    cache.delete_pattern(f"{SessionStore.cache_key_prefix}*")


def _address_wait(ip_address: str | None) -> int:
    key = redis_keys.rate_limit(ip_address or "unknown", "login")
    pipeline = redis_connection().pipeline()
    pipeline.incr(key)
    pipeline.expire(key, redis_keys.RATE_LIMIT_TTL, nx=True)
    pipeline.ttl(key)
    count, _set, life = pipeline.execute()
    return max(1, int(life)) if count > PER_ADDRESS else 0


def _attempt(key: str, fields: dict[str, int]) -> int:
    pairs = [str(each) for pair in fields.items() for each in pair]
    answer: Any = redis_connection().eval(
        _ATTEMPT,
        1,
        key,
        *(str(FIRST_WAIT), str(LONGEST_WAIT)),
        *(str(redis_keys.LOGIN_FAILURES_TTL), str(ADDRESSES_KEPT)),
        *pairs,
    )
    return int(answer)


def _failures(found: dict[bytes, bytes], ip: str) -> Failures:
    # The attempt that just succeeded was counted as well, and it was the latest.
    count = max(0, int(found.get(b"all:n", 0)) - 1)
    others = [
        (int(each), name.decode().removesuffix(":at"))
        for name, each in found.items()
        if name.endswith(b":at") and name != b"all:at"
    ]
    mine = int(found.get(f"{ip}:n".encode(), 0)) - 1
    others = [pair for pair in others if pair[1] != ip or mine > 0]
    if not count or not others:
        return Failures(count)
    last_at, address = max(others)
    return Failures(count, last_at, address)


def _digest(username: str) -> str:
    # A digest: names are of any length, and people type passwords into this field.
    return hashlib.sha256(username.encode()).hexdigest()[:32]
