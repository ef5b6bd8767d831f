"""What a person needs to know of an error of a server."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils.translation import gettext as _
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisLate

if TYPE_CHECKING:
    from collections.abc import Iterator

UNDEFINED: Final = ("42P01", "42703")  # table, column


class Heard(logging.Filter):
    """Keeps what the pool of connections complains of to itself, and the last of it."""

    last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take a record; nobody else gets it."""
        line = record.getMessage().strip().partition("\n")[0]
        # What stands before is the number of the pool.
        self.last = line.partition("': ")[2] or line
        return False


@contextmanager
def pool_heard() -> Iterator[Heard]:
    """Keep the pool's warnings, tens of lines for one cause."""
    heard = Heard()
    logger = logging.getLogger("psycopg.pool")
    logger.addFilter(heard)
    try:
        yield heard
    finally:
        logger.removeFilter(heard)


@contextmanager
def log_quiet(*, quiet: bool) -> Iterator[None]:
    """Keep what is only worth a log from the terminal: the command says it all."""
    # Not those that inherit from it: they write elsewhere.
    found = [
        (handler, handler.level)
        for handler in logging.getLogger().handlers
        if quiet and type(handler) is logging.StreamHandler
    ]
    for handler, level in found:
        handler.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        for handler, level in found:
            handler.setLevel(level)


def sentence_of(error: Exception, pool: str = "") -> str | None:
    """Return what is wrong and what to do; None when it is a mistake of ours.

    ``pool`` is what the pool of connections complained of, better than its time-out.
    """
    reason = str(error).strip().partition("\n")[0]
    if isinstance(error, RedisAway | RedisLate):
        return _(
            "Redis does not answer (%(reason)s). Look at REDIS_URL and whether the"
            " server runs; “manage.py doctor” says more."
        ) % {"reason": reason}
    if isinstance(error, OperationalError | InterfaceError):
        return _(
            "The database does not answer (%(reason)s). Look at DATABASE_URL and whether"
            " the server runs; “manage.py doctor” says more."
        ) % {"reason": pool or reason}
    if isinstance(error, DatabaseError) and _code(error) in UNDEFINED:
        return _(
            "The database is not up to date (%(reason)s). Run: manage.py migrate"
        ) % {"reason": reason}
    return None


def _code(error: DatabaseError) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
