"""Brings the database up to date, one container at a time."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, Final

import psycopg

from btc_watcher.container.saying import ContainerError, say
from btc_watcher.env import env
from btc_watcher.programs import manage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btc_watcher.container.options import Application

# Any two numbers that nobody else uses as an advisory lock of this database.
LOCK: Final = (0x42544357, 60)


def migrate(application: Application) -> int:
    """Run every migration that is missing; return the exit code of manage.py.

    With a file that holds its password, the role that the other programs work as is made
    afterwards, or its rights are brought up to date.
    """
    steps = [manage("migrate", "--noinput")]
    if application.password_file:
        role = ("--application", application.role)
        password = ("--password-file", application.password_file)
        steps.append(manage("setup_roles", *role, *password))
    with _alone(env.str("DATABASE_URL")):
        for step in steps:
            done = subprocess.run(step, check=False)  # noqa: S603 - our own commands
            if done.returncode != 0:
                return done.returncode
    return 0


@contextlib.contextmanager
def _alone(url: str) -> Iterator[None]:
    """Hold the lock; whoever came later waits, and finds nothing left to do."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            free = "SELECT pg_try_advisory_lock(%s, %s)"
            row = connection.execute(free, LOCK).fetchone()
            if row is None or not row[0]:
                say("Another container migrates the database; waiting for its end.")
                connection.execute("SELECT pg_advisory_lock(%s, %s)", LOCK)
            yield
    except psycopg.Error as error:
        raise ContainerError(f"PostgreSQL went away: {error}") from error
