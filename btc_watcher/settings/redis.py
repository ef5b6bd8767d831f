"""Redis: its address, the cache, and Celery's queues, which live there."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from kombu import Queue

from btc_watcher.env import env
from btc_watcher.lib import redis_keys
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_address import RedisAddress
from btc_watcher.lib.redis_client import SENTINEL_OPTIONS
from btc_watcher.settings.database import BACKUP_HERE

REDIS_URL = env.str("REDIS_URL")
try:
    _REDIS = RedisAddress.parse(REDIS_URL)
except ConfigurationError as error:
    raise ImproperlyConfigured(str(error)) from None
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        # A list, because a text is cut at its commas.
        "LOCATION": [REDIS_URL],
        "KEY_PREFIX": "btcw",
        # The database holds sessions too: without Redis pages are slower, not down.
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 1,
            **(
                {
                    "CONNECTION_FACTORY": "btc_watcher.lib.redis_cache.SentinelConnections"
                }
                if _REDIS.sentinels
                else {}
            ),
        },
    },
}

CELERY_BROKER_URL = _REDIS.broker_url()
# Known by their names to whoever takes secrets out of texts.
REDIS_PASSWORD = _REDIS.login.get("password", "")
REDIS_SENTINEL_PASSWORD = _REDIS.sentinel_login.get("password", "")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONSUMER = "btc_watcher.lib.celery_consumer:LastingConsumer"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Lists are read in the order in which they are named, so P0 goes first.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "queue_order_strategy": "priority",
    "visibility_timeout": 3600,
    "socket_connect_timeout": 5,
    # A worker that acknowledges to a server that has vanished would wait for ever.
    "socket_timeout": 10,
    **_REDIS.broker_options(dict(SENTINEL_OPTIONS)),
}
CELERY_TASK_DEFAULT_QUEUE = redis_keys.DEFAULT_QUEUE
CELERY_TASK_QUEUES = [
    *(Queue(redis_keys.notifications_queue(p)) for p in redis_keys.PRIORITIES),
    Queue(redis_keys.DEFAULT_QUEUE),
    # What this machine does not read is no queue of a worker that is told no names.
    *([Queue(redis_keys.BACKUPS_QUEUE)] if BACKUP_HERE else []),
]
# Retries of P0 begin with the sweeper, alarms with the health round; and the default
# queue is read last.
CELERY_TASK_ROUTES = {
    **{
        f"notifications.tasks.{task}": {"queue": redis_keys.notifications_queue("P0")}
        for task in ("sweep", "flush", "fan_out", "repeat_alerts")
    },
    **{
        f"freqtrade_mgmt.tasks.{task}": {"queue": redis_keys.notifications_queue("P0")}
        for task in ("strategy_health", "proxy_failover")
    },
    "monitoring.tasks.watch_servers": {"queue": redis_keys.notifications_queue("P0")},
    **{
        f"monitoring.tasks.{task}": {"queue": redis_keys.BACKUPS_QUEUE}
        for task in ("backup", "backup_now", "trial_now", "watch_backups")
    },
}
