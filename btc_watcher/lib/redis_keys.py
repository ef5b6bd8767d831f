"""Every Redis key and its time to live, in one place (specification, section 3).

A key that is not built here does not exist. Times to live are in seconds.
"""

from __future__ import annotations

from typing import Final

STRATEGY_STATUS_TTL: Final = 60
REALTIME_TTL: Final = 24 * 3600
REALTIME_LENGTH: Final = 100
SYSTEM_STATUS_TTL: Final = 30
WS_SESSION_TTL: Final = 24 * 3600
ACCOUNT_KNOWN_TTL: Final = 3600
RATE_LIMIT_TTL: Final = 60
LOGIN_FAILURES_TTL: Final = 24 * 3600
IDEMPOTENCY_TTL: Final = 24 * 3600
# As long as the slowest answer may take.
IDEMPOTENCY_CLAIM_TTL: Final = 120
STREAM_LENGTH: Final = 20_000
CANDLES_LAST_TTL: Final = 24 * 3600
CANDLES_LOCK_TTL: Final = 10
PROXY_TEST_TTL: Final = 600
OPERATION_TTL: Final = 3600
RELEASES_WANTED_TTL: Final = 120
POOL_TTL: Final = 45
DATABASE_SAMPLES_TTL: Final = 3 * 24 * 3600
# One a minute: two days.
DATABASE_SAMPLES_LENGTH: Final = 2880
METRICS_COUNTERS_TTL: Final = 300
RUN_TTL: Final = 600
ROTATIONS_TTL: Final = 100 * 24 * 3600
ROTATIONS_LENGTH: Final = 20

SIGNALS_REALTIME: Final = "signals:realtime"
SYSTEM_STATUS: Final = "system:status"
METRICS_COUNTERS: Final = "metrics:counters"
SIGNALS_STREAM: Final = "queue:signals"
FREQTRADE_RELEASES: Final = "freqtrade:releases"
FREQTRADE_RELEASES_WANTED: Final = "freqtrade:releases:wanted"
# Whether there is an account that can log in, so that visitors cost no query.
ACCOUNT_KNOWN: Final = "accounts:known"
# Channel (publish and subscribe): the id of a person a login or token of whom has ended.
LOGINS_ENDED: Final = "ws:ended"
DEFAULT_QUEUE: Final = "queue:default"
# Read on one machine alone: backups lie in a folder of it.
BACKUPS_QUEUE: Final = "queue:backups"
# Sorted set of the processes that report their pool, by when they last did.
POOLS: Final = "monitoring:pools"
# List of what was measured of the database each minute, as JSON, the newest first.
DATABASE_SAMPLES: Final = "monitoring:database:samples"
# List of what rotations of partitions did, as JSON, the newest first.
ROTATIONS: Final = "monitoring:rotations"

PRIORITIES: Final = ("P0", "P1", "P2")


def strategy_status(strategy_id: int) -> str:
    """Hash with status, health_score, uptime and last_update of one strategy."""
    return f"strategy:status:{strategy_id}"


def ws_session(user_id: int) -> str:
    """Hash with connection_id, connected_at and last_ping of one user."""
    return f"ws:session:{user_id}"


def rate_limit(ip: str, endpoint: str) -> str:
    """Counter of the requests of one address to one endpoint."""
    return f"rate_limit:{ip}:{endpoint}"


def hook_posts(strategy_id: int) -> str:
    """Counter of the posts to the inbound webhook of one strategy."""
    return f"hooks:posts:{strategy_id}"


def login_failures(account: str) -> str:
    """Hash of the failed logins to an account (a digest of its name), by address."""
    return f"accounts:failures:{account}"


def notifications_queue(priority: str) -> str:
    """List that carries the notification tasks of one priority; P0 is the highest."""
    if priority not in PRIORITIES:
        message = f"Unknown priority {priority!r}; use one of {', '.join(PRIORITIES)}."
        raise ValueError(message)
    return f"queue:notifications:{priority}"


def notification_budget(channel_id: int) -> str:
    """Sorted set of what a channel sent lately, by Redis's own clock; no time to live."""
    return f"notifications:budget:{channel_id}"


def candles(strategy_id: int, pair: str, timeframe: str) -> str:
    """Frame of one bot's candles; it lives until the next candle closes at most."""
    return f"candles:{strategy_id}:{pair}:{timeframe}"


def candles_last(strategy_id: int, pair: str, timeframe: str) -> str:
    """The same frame for when the bot does not run; pages say how old it is."""
    return f"candles:last:{strategy_id}:{pair}:{timeframe}"


def candles_lock(strategy_id: int, pair: str, timeframe: str) -> str:
    """Held by the one process that asks the bot."""
    return f"candles:lock:{strategy_id}:{pair}:{timeframe}"


def provider_token(name: str) -> str:
    """Text: a provider's access token, encrypted; it lives as long as the token."""
    return f"notifications:token:{name}"


def proxy_test(proxy_id: int) -> str:
    """Text: how far a test of a proxy has come that somebody waits for, as JSON."""
    return f"proxies:test:{proxy_id}"


def proxy_test_claim(proxy_id: int, why: str) -> str:
    """There while no second test is to be asked for, for the same reason."""
    return f"proxies:test:{proxy_id}:{why}"


def freqtrade_operation(operation_id: int) -> str:
    """Text: how far an installation is at this moment, as JSON."""
    return f"freqtrade:operation:{operation_id}"


def pool(process: str) -> str:
    """Text: the database connections of one process, as JSON."""
    return f"monitoring:pool:{process}"


def run(kind: str) -> str:
    """Text: how far a backup or a rotation is that goes on or has just ended, as JSON."""
    return f"monitoring:run:{kind}"


def replica_fresh(sender: str) -> str:
    """There while a sender of the API, by a digest of its token, reads the primary."""
    return f"replica:fresh:{sender}"


def idempotency(place: str) -> str:
    """Text: what a POST with an Idempotency-Key was answered with, as JSON."""
    return f"api:idempotency:{place}"
