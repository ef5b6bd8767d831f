"""What must be true before anything is started, told before a step fails half-way."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import psycopg
import redis

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_client import cluster_refuse, redis_client
from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from pathlib import Path

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRES = 15
OLDEST_REDIS = 7
MEBIBYTE = 1024 * 1024
# One freqtrade release with its libraries, the database and logs.
FIRST_RUN_MEBIBYTES = 2500
LATER_RUN_MEBIBYTES = 200
CONNECT_SECONDS = 10


def check_python() -> None:
    """Refuse a Python that is too old."""
    if sys.version_info < OLDEST_PYTHON:
        raise LocalError(
            f"Python is {sys.version.split()[0]}, but BTC Watcher needs 3.11 or later. "
            "Install it, remove .venv, and run make up again."
        )


def check_disk(home: Path) -> None:
    """Refuse a disk that the installation would fill; ``home`` must exist."""
    free = shutil.disk_usage(home).free // MEBIBYTE
    needed = (
        LATER_RUN_MEBIBYTES if (home / "freqtrade").is_dir() else FIRST_RUN_MEBIBYTES
    )
    if free < needed:
        raise LocalError(
            f"{home} has {free} MiB free, but {needed} MiB are needed. Free some space, "
            "or set BTCW_HOME to a folder on a larger disk."
        )


def check_database(url: str) -> None:
    """Refuse a DATABASE_URL that does not answer or is too old."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            number = connection.info.server_version
    except psycopg.Error as error:
        raise LocalError(
            f"DATABASE_URL is set, but PostgreSQL does not answer there: {error}. Correct "
            "it, or unset it to use the embedded PostgreSQL."
        ) from error
    version = f"{number // 10000}.{number % 10000}"
    require("PostgreSQL", version, OLDEST_POSTGRES, variable="DATABASE_URL")


def answers(url: str) -> bool:
    """Tell whether PostgreSQL lets us in at ``url``."""
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.Error:
        return False
    return True


def check_redis(url: str) -> None:
    """Refuse a REDIS_URL that does not answer, is too old, or cannot be used."""
    try:
        client = redis_client(url, connect_timeout=CONNECT_SECONDS)
        cluster_refuse(client)
    except ConfigurationError as error:
        raise LocalError(error.message) from error
    try:
        # Valkey says here which Redis it is compatible with.
        version = str(client.info("server")["redis_version"])
    except (redis.RedisError, OSError) as error:
        raise LocalError(
            f"REDIS_URL is set, but no Redis answers there: {error}. Correct it, or "
            "unset it to use the embedded Valkey."
        ) from error
    finally:
        client.close()
    require("Redis", version, OLDEST_REDIS, variable="REDIS_URL")


def require(what: str, version: str, oldest: int, *, variable: str) -> None:
    """Refuse a dotted ``version`` whose first number is below ``oldest``."""
    if int(version.partition(".")[0]) < oldest:
        raise LocalError(
            f"{variable} names {what} {version}, but {oldest} or later is needed. Upgrade "
            f"it, or unset {variable} to use the embedded server."
        )
