"""PostgreSQL and its replica, what is kept there for how long, and its backups."""

from __future__ import annotations

from btc_watcher.env import HOME, env

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

# Whether workers of this machine make backups. One machine of several does.
BACKUP_HERE = env.bool("BTCW_BACKUP_HERE", default=True)
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
