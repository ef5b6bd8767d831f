"""Brings the database up to date, one container at a time."""

from __future__ import annotations

import contextlib
import subprocess
import time
from typing import TYPE_CHECKING, Final

import psycopg

from btc_watcher.container.saying import ContainerError, say
from btc_watcher.env import env
from btc_watcher.lib.locks import DATABASE_UPGRADE
from btc_watcher.programs import manage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btc_watcher.container.options import Application

PAUSE_SECONDS: Final = 0.5


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
    said = False
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            # Asked again and again: a statement that waits for the lock would keep the
            # holder from making indexes CONCURRENTLY, which wait for every statement.
            while not _taken(connection):
                if not said:
                    say("Another container migrates the database; waiting for its end.")
                    said = True
                time.sleep(PAUSE_SECONDS)
            yield
    except psycopg.Error as error:
        raise ContainerError(f"PostgreSQL went away: {error}") from error


def _taken(connection: psycopg.Connection[tuple[bool]]) -> bool:
    statement = DATABASE_UPGRADE.take(wait=False, session=True)
    row = connection.execute(statement, DATABASE_UPGRADE.values).fetchone()
    return bool(row and row[0])
