"""Django settings of BTC Watcher; every value that differs by machine comes from env."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from celery.schedules import schedule
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from btc_watcher.env import BASE_DIR, HOME, env
from btc_watcher.lib import redis_keys
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_address import RedisAddress
from btc_watcher.lib.redis_client import SENTINEL_OPTIONS

# Where state lives: bots, freqtrade environments, logs, embedded servers.
BTCW_HOME = HOME
SECRET_KEY = env.str("BTCW_SECRET_KEY")
ENCRYPTION_KEYS = env.str("BTCW_ENCRYPTION_KEYS")
DEBUG = env.bool("BTCW_DEBUG", default=False)
ALLOWED_HOSTS = env.list(
    "BTCW_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = env.list("BTCW_TRUSTED_ORIGINS", default=[])
BEHIND_TLS = env.bool("BTCW_BEHIND_TLS", default=False)

# The demonstration: a simulated exchange and a mail catcher, both on loopback.
DEMO = env.bool("BTCW_DEMO", default=False)
SIMULATOR_URL = env.str("BTCW_SIMULATOR_URL", default="http://127.0.0.1:18080/api/v3")
# The first administrator; a random password is printed when none is given.
ADMIN_PASSWORD = env.str("BTCW_ADMIN_PASSWORD", default="")
ADMIN_LANGUAGE = env.str(
    "BTCW_LANGUAGE",
    default="zh-CN" if env.str("LANG", default="").startswith("zh") else "en",
)
# Where people reach the pages: what links in messages begin with.
PUBLIC_URL = env.str("BTCW_PUBLIC_URL", default="").rstrip("/")
DEMO_SMTP_PORT = env.int("BTCW_DEMO_SMTP_PORT", default=18025)

INSTALLED_APPS = [
    "accounts",
    "proxies",
    "notifications",
    "strategies",
    "signals_app",
    "freqtrade_mgmt",
    "monitoring",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "django_celery_beat",
]

MIDDLEWARE = [
    "btc_watcher.lib.security_headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "btc_watcher.lib.replica_fresh.OwnWritesMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SessionRowMiddleware",
    "accounts.middleware.ActorMiddleware",
    "accounts.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "btc_watcher.urls"
ASGI_APPLICATION = "btc_watcher.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "btc_watcher" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "accounts.context_processors.page",
            ],
        },
    },
]

_DATABASE = env.db_url("DATABASE_URL")
DATABASES = {
    "default": {
        **_DATABASE,
        "ATOMIC_REQUESTS": False,
        # Asks the pool to test what it hands out: after a restart of PostgreSQL every
        # pooled connection is dead, and without this each would fail one request.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # What the address says after its question mark, such as sslmode.
            **_DATABASE.get("OPTIONS", {}),
            "application_name": "btc_watcher",
            "connect_timeout": 10,
            # A server that vanished without a word is noticed after 30 s and not after
            # two hours; half of it while something is on its way there.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            # Small queries dominate, so the just-in-time compiler only costs.
            "options": "-c jit=off -c statement_timeout=60000",
            "pool": {
                "min_size": env.int("BTCW_DB_POOL_MIN", default=5),
                "max_size": env.int("BTCW_DB_POOL_MAX", default=20),
                "timeout": 10,
            },
        },
    },
}
# A streaming replica for history, statistics and export; pools of its own, which open
# nothing while nobody reads there.
_REPLICA = (
    env.db_url("DATABASE_REPLICA_URL")
    if env.str("DATABASE_REPLICA_URL", default="")
    else {}
)
# Seconds that it may be behind; what is read then comes from the primary.
DATABASE_REPLICA_MAX_LAG = env.float("BTCW_REPLICA_MAX_LAG", default=5.0)
if _REPLICA:
    DATABASES["replica"] = {
        **_REPLICA,
        "ATOMIC_REQUESTS": False,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_REPLICA.get("OPTIONS", {}),
            "application_name": "btc_watcher_reading",
            "connect_timeout": 2,
            "options": "-c jit=off -c statement_timeout=60000"
            " -c default_transaction_read_only=on",
            "pool": {
                "min_size": 0,
                "max_size": env.int("BTCW_REPLICA_POOL_MAX", default=5),
                "timeout": 2,
            },
        },
        "TEST": {"MIRROR": "default"},
    }
# Nothing goes to the replica that does not name it.
DATABASE_ROUTERS = ["btc_watcher.lib.replica.ByNameOnly"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
# Full months that a partitioned table keeps besides the current one, such as
# "signals=12;notification_history=6"; a table that is not named keeps everything.
PARTITION_MONTHS_KEPT: dict[str, int] = env.dict(
    "BTCW_PARTITION_MONTHS_KEPT", default={}, cast={"value": int}
)
# Months that are no longer kept stay as tables of their own instead of being dropped.
PARTITION_KEEP_DETACHED = env.bool("BTCW_PARTITION_KEEP_DETACHED", default=False)
# Ended rows of strategy_processes: days until they are deleted (0: never), and how
# many of each strategy stay all the same.
PROCESS_ROWS_DAYS = env.int("BTCW_PROCESS_ROWS_DAYS", default=90)
PROCESS_ROWS_KEPT = env.int("BTCW_PROCESS_ROWS_KEPT", default=20)

# -- Backups ----------------------------------------------------------------
BACKUP_FOLDER = env.str("BTCW_BACKUP_FOLDER", default=str(HOME / "backups"))
BACKUP_DAYS_KEPT = env.int("BTCW_BACKUP_DAYS", default=30)
# Sealed with the first key of ENCRYPTION_KEYS.
BACKUP_ENCRYPT = env.bool("BTCW_BACKUP_ENCRYPT", default=False)
# A role that may read everything and make databases; empty: that of DATABASE_URL.
BACKUP_DATABASE = (
    env.db_url("BTCW_BACKUP_DATABASE_URL")
    if env.str("BTCW_BACKUP_DATABASE_URL", default="")
    else {}
)

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

# -- Celery -----------------------------------------------------------------
CELERY_BROKER_URL = _REDIS.broker_url()
# Known by their names to whoever takes secrets out of texts.
REDIS_PASSWORD = _REDIS.login.get("password", "")
REDIS_SENTINEL_PASSWORD = _REDIS.sentinel_login.get("password", "")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
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
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "monitoring.schedules.scheduler:Scheduler"
# First values only: the scheduler copies them into the database, where an operator
# changes them within monitoring.schedules.bounds. An entry expires before its next run.
CELERY_BEAT_SCHEDULE = {
    "sweep notifications": {
        "task": "notifications.tasks.sweep",
        "schedule": schedule(10),
        "options": {"expires": 9},
    },
    "strategy health": {
        "task": "freqtrade_mgmt.tasks.strategy_health",
        "schedule": schedule(30),
        "options": {"expires": 25},
    },
    "proxy failover": {
        "task": "freqtrade_mgmt.tasks.proxy_failover",
        "schedule": schedule(30),
        "options": {"expires": 25},
    },
    "fill outcomes": {
        "task": "freqtrade_mgmt.tasks.fill_outcomes",
        "schedule": schedule(30),
        "options": {"expires": 25},
    },
    "refresh releases": {
        "task": "freqtrade_mgmt.tasks.refresh_releases",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    "tell what was held": {
        "task": "notifications.tasks.flush",
        "schedule": schedule(10),
        "options": {"expires": 9},
    },
    "repeat alerts": {
        "task": "notifications.tasks.repeat_alerts",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "expire sessions": {
        "task": "accounts.tasks.expire_sessions",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    "forget old audit entries": {
        "task": "accounts.tasks.forget_audit",
        "schedule": schedule(24 * 3600),
        "options": {"expires": 23 * 3600},
    },
    "warn of expiring drafts": {
        "task": "strategies.tasks.warn_drafts",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    "expire drafts": {
        "task": "strategies.tasks.expire_drafts",
        "schedule": schedule(24 * 3600),
        "options": {"expires": 23 * 3600},
    },
    "test proxies": {
        "task": "proxies.tasks.check_all",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    # It looks every minute; each proxy says after how many minutes it is tried again.
    "retry failing proxies": {
        "task": "proxies.tasks.retry_failing",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "tell new errors": {
        "task": "monitoring.tasks.tell_errors",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "sample the database": {
        "task": "monitoring.tasks.sample_database",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "watch the servers": {
        "task": "monitoring.tasks.watch_servers",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "collect metrics": {
        "task": "monitoring.tasks.collect_metrics",
        "schedule": schedule(30),
        "options": {"expires": 25},
    },
    "average metrics": {
        "task": "monitoring.tasks.average_metrics",
        "schedule": schedule(900),
        "options": {"expires": 850},
    },
    "ping outside": {
        "task": "monitoring.tasks.ping_outside",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "backup": {
        "task": "monitoring.tasks.backup",
        "schedule": schedule(24 * 3600),
        "options": {"expires": 23 * 3600},
    },
    # Also makes the backup that was missed while the machine was off.
    "watch backups": {
        "task": "monitoring.tasks.watch_backups",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    "rotate partitions": {
        "task": "monitoring.tasks.rotate_partitions",
        "schedule": schedule(24 * 3600),
        "options": {"expires": 23 * 3600},
    },
}

# -- Accounts ---------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "accounts:login"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_NAME = "btcw_session"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "btcw_csrf"
CSRF_FAILURE_VIEW = "btc_watcher.lib.error_pages.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if BEHIND_TLS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
API_TOKEN_DAYS = env.int("BTCW_API_TOKEN_DAYS", default=90)
# Days that the audit is kept; 0 is for ever.
AUDIT_DAYS = max(0, env.int("BTCW_AUDIT_DAYS", default=0))

# -- API --------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.PageSessionAuthentication",
    ],
    # Whatever names no rule of its own: reading, or writing with the role for it.
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.CanWrite"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "btc_watcher.lib.rest.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
# Requests that one address may send to one endpoint in a minute; 0 is no limit.
API_READS_PER_MINUTE = env.int("BTCW_API_READS_PER_MINUTE", default=600)
API_CHANGES_PER_MINUTE = env.int("BTCW_API_CHANGES_PER_MINUTE", default=300)
SPECTACULAR_SETTINGS = {
    "TITLE": "BTC Watcher",
    "VERSION": "1",
    "DESCRIPTION": "Signals of many freqtrade strategies, and everything that pages"
    " and operators do with them. Times are ISO 8601 with an offset, answered in UTC."
    " Lists come in pages: `next` holds the address of the next one. Errors are"
    " `application/problem+json` (RFC 9457) with a sentence in `detail`.",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "SignalTypeEnum": "signals_app.models.SignalType",
        "ChannelTypeEnum": "notifications.models.ChannelType",
        "StrategyTypeEnum": "strategies.models.Strategy.Type",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# -- Language and time ------------------------------------------------------
# For whoever has not chosen: messages to channels, answers to programs.
LANGUAGE_CODE = "zh-hans" if ADMIN_LANGUAGE == "zh-CN" else "en"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

# -- Static files -----------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("BTCW_STATIC_FOLDER", default=str(HOME / "static")))
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "btc_watcher" / "static"]
# Libraries that make frontend fetched; Django complains of a folder that is not there.
if (HOME / "vendor").is_dir():
    STATICFILES_DIRS.append(("vendor", HOME / "vendor"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "btc_watcher.lib.static_files.StaticFiles"},
}

# -- Signals ----------------------------------------------------------------
SIGNAL_THRESHOLDS = {"strong": 80, "medium": 50, "weak": 20}
# Candles fetched for a pair that was never seen before.
SIGNAL_FIRST_BACKFILL = env.int("BTCW_FIRST_BACKFILL", default=60)
# What one bot may hold before it is killed, and all together (0: most of the machine).
BOT_MEMORY_MB = env.int("BTCW_BOT_MEMORY_MB", default=1000)
BOTS_MEMORY_MB = env.int("BTCW_BOTS_MEMORY_MB", default=0)
# Told of each delivery inside the transaction that records it. Named here
# because notifications may not import the apps above it.
NOTIFICATION_OUTCOME_HANDLERS = ["signals_app.services.signals_deliveries_record"]
# Draws the chart beside a signal; empty: nobody does.
NOTIFICATION_PICTURE_MAKER = "freqtrade_mgmt.pictures.picture_of_signal"
# Who has signals to try rules and templates on.
NOTIFICATION_EXAMPLES = "signals_app.examples.SignalExamples"

# -- Proxies ----------------------------------------------------------------
# Who goes through which proxy, told by the apps above.
PROXY_USERS = ["strategies.selectors.proxy_uses", "notifications.selectors.proxy_uses"]

# -- Monitoring -------------------------------------------------------------
# What this machine is called where several share a database.
NODE_NAME = env.str("BTCW_NODE", default="") or socket.gethostname()
# Where other machines reach the bots of this one; empty: they do not.
NODE_ADDRESS = env.str("BTCW_NODE_ADDRESS", default="")
# The address that the bots of this machine listen on.
BOT_BIND = env.str("BTCW_BOT_BIND", default="127.0.0.1")
# A node that has not renewed its leases for so long has lost its bots to the others.
LEASE_SECONDS = min(300, max(6, env.int("BTCW_LEASE_SECONDS", default=30)))
# Seconds: between signs of life; until a silent process counts as dead; until a role
# that was stopped is missed; for how long a watcher must have beaten before it judges.
HEARTBEATS = {
    "every": 10.0,
    "dead_after": 45.0,
    "absent_after": 180.0,
    "steady_for": 60.0,
}
# Runs beside the supervisor, which is below monitoring and may not import it.
SUPERVISOR_COMPANION = "monitoring.heartbeats.attach.supervisor_companion"
# Days that single measurements are kept; their hourly means are kept for ever.
METRICS_DAYS = env.int("BTCW_METRICS_DAYS", default=7)
# Who may read /metrics; without a token nobody.
METRICS_TOKEN = env.str("BTCW_METRICS_TOKEN", default="")
# A service outside that tells when our pings stay away, and the proxy to it.
HEARTBEAT_URL = env.str("BTCW_HEARTBEAT_URL", default="")
HEARTBEAT_PROXY = env.str("BTCW_HEARTBEAT_PROXY", default="")
HEARTBEAT_FAIL = env.bool("BTCW_HEARTBEAT_FAIL", default=False)

# -- Logging ----------------------------------------------------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        # Writes error_logs: from a thread of its own, grouped, without secrets.
        "errors": {
            "class": "monitoring.errors.handler.ErrorLogHandler",
            "level": env.str("BTCW_ERROR_LOG_LEVEL", default="WARNING"),
        },
    },
    "root": {
        "handlers": ["console", "errors"],
        "level": env.str("BTCW_LOG_LEVEL", default="INFO"),
    },
    "loggers": {
        # Frame by frame chatter, tokens in addresses included.
        "websockets": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "aiohttp.access": {"level": "WARNING"},
        # The web server keeps what it logs to itself.
        "uvicorn.error": {"handlers": ["errors"]},
    },
}
