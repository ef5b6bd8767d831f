"""One part of the page that fails leaves the others standing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.cache import RedisError
from monitoring.database.bounded import bounded

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
Value = TypeVar("Value")
# What a part may run into: servers that are away, and a folder that cannot be read.
EXPECTED: Final = (DatabaseError, RedisError, OSError, BtcWatcherError)


class Guard:
    """Asks for the parts of one page; ``failed`` names those that gave nothing.

    Statements of a part end after three seconds. Once the database could not be reached
    no other part waits for it.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []
        self._away = False

    def part(
        self, name: str, question: Callable[[], Value], *, asks_database: bool = True
    ) -> Value | None:
        """Return the answer; None, and the part's name in ``failed``, when it failed."""
        try:
            if not asks_database:
                return question()
            if not self._away:
                with bounded():
                    return question()
        except EXPECTED as error:
            # The text may hold the address of a server.
            logger.warning("The dashboard has no %s (%s).", name, type(error).__name__)
            self._away = self._away or _is_away(error)
        self.failed.append(name)
        return None


def _is_away(error: Exception) -> bool:
    slow = isinstance(error.__cause__, psycopg.errors.QueryCanceled)
    return isinstance(error, OperationalError | InterfaceError) and not slow
