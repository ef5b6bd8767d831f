"""Waits for what a program needs, and says what is waited for."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import psycopg

from btc_watcher.container.saying import ContainerError, say
from btc_watcher.env import env
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_client import RedisError, redis_client
from btc_watcher.programs import manage

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER_SECONDS: Final = 120.0
# A migration of a large table may take its time.
SCHEMA_SECONDS: Final = 1800.0
CONNECT_SECONDS: Final = 5
PAUSE_SECONDS: Final = 1.0
SAY_EVERY_SECONDS: Final = 15.0


def wait_for_servers(*, redis: bool = True) -> None:
    """Wait until PostgreSQL and Redis answer; ContainerError when they do not."""
    database = env.str("DATABASE_URL")
    _wait(lambda: database_problem(database), _place(database), "PostgreSQL")
    if redis:
        broker = env.str("REDIS_URL")
        _wait(lambda: redis_problem(broker), _place(broker), "Redis")


def wait_for_schema() -> None:
    """Wait until the database has every table that this release needs."""
    _wait(
        schema_problem,
        "run the program migrate of this image",
        "the database's schema",
        seconds=SCHEMA_SECONDS,
    )


def database_problem(url: str) -> str:
    """Say why PostgreSQL does not answer, "" when it does."""
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.Error as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def redis_problem(url: str) -> str:
    """Say why Redis does not answer, "" when it does."""
    try:
        client = redis_client(
            url, connect_timeout=CONNECT_SECONDS, timeout=CONNECT_SECONDS
        )
    except ConfigurationError as error:
        raise ContainerError(error.message) from error
    try:
        client.ping()
    except (RedisError, OSError) as error:
        return str(error) or type(error).__name__
    finally:
        client.close()
    return ""


def schema_problem() -> str:
    """Say that migrations are missing, "" when they are not."""
    command = manage("migrate", "--check", "--skip-checks", "--verbosity", "0")
    done = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else "migrations are missing"


def _wait(
    problem: Callable[[], str],
    where: str,
    what: str,
    *,
    seconds: float = SERVER_SECONDS,
) -> None:
    """Ask until there is no problem; one that stays is raised as ContainerError."""
    began = time.monotonic()
    said = float("-inf")
    while found := problem():
        waited = time.monotonic() - began
        if waited > seconds:
            raise ContainerError(
                f"{what} is not ready after {seconds:.0f} s ({where}): {found}"
            )
        if waited - said >= SAY_EVERY_SECONDS:
            say(f"Waiting for {what} ({where}): {found}")
            said = waited
        time.sleep(PAUSE_SECONDS)


def _place(url: str) -> str:
    """Return the host and port of an address, without its user and password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "local", parts.port or "default port"
    except ValueError:
        return "its address cannot be understood"
    return f"{host}:{port}"
