"""Reads that may be a few seconds old, on a streaming replica of the database.

Nothing goes there by itself: who may be told of a moment ago says so with ``read``.
The replica is asked while it is near (``DATABASE_REPLICA_MAX_LAG`` seconds at most), by
whom has not just written; the primary answers otherwise, and when the replica breaks
off in the middle. What decides something (the outbox, intake, claims, leases) and what
says what is new (the live pages) never comes here.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db import Error as DatabaseError

from btc_watcher.lib.replica_lag import LagMeter
from btc_watcher.lib.replica_probe import (
    REPLICA,
    Reason,
    Standing,
    listens,
    place_of_primary,
    place_of_replica,
    probe,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

PRIMARY: Final = DEFAULT_DB_ALIAS
KEPT_SECONDS: Final = 1.0
# While another thread asks, its last answer is good for as long.
WAITED_SECONDS: Final = 2.0
AWAY_SECONDS: Final = 5.0
STEP_SECONDS: Final = 0.02
# A statement that took too long, or that writes: the primary would do no better.
NOT_ITS_FAULT: Final = ("57014", "25006")
Answer = TypeVar("Answer")

_fresh: ContextVar[Callable[[], bool] | None] = ContextVar("_fresh", default=None)


class Watch:
    """Knows how the replica stands, asked at most once a second in a process."""

    def __init__(self) -> None:
        """Nobody is asked before the first reader."""
        self._lock = threading.Lock()
        self._meter = LagMeter()
        self._standing = Standing(Reason.AWAY)
        self._asked = float("-inf")
        self._told: Reason = Reason.NEAR

    def standing(self) -> Standing:
        """Return how it stands now; never raises."""
        age = time.monotonic() - self._asked
        away = self._standing.reason is Reason.AWAY
        if age < (AWAY_SECONDS if away else KEPT_SECONDS):
            return self._standing
        if not self._lock.acquire(blocking=False):
            return self._standing if age < WAITED_SECONDS else Standing(Reason.BEHIND)
        try:
            self._take(self._ask())
        finally:
            self._lock.release()
        return self._standing

    def failed(self) -> None:
        """Leave the replica alone for some seconds: it broke off."""
        self._take(Standing(Reason.AWAY))

    def _ask(self) -> Standing:
        if self._standing.reason is Reason.AWAY and not listens():
            return Standing(Reason.AWAY)
        try:
            return probe(self._meter, settings.DATABASE_REPLICA_MAX_LAG)
        except DatabaseError:
            # The primary is away: its reader is told so by its own question.
            return Standing(Reason.BEHIND)

    def _take(self, standing: Standing) -> None:
        self._standing = standing
        self._asked = time.monotonic()
        if standing.reason is self._told:
            return
        self._told = standing.reason
        if standing.usable:
            logger.info("The replica of the database is read again.")
        else:
            logger.warning(
                "The replica of the database is not read (%s); the primary answers.",
                standing.reason.value,
            )


watch = Watch()


class ByNameOnly:
    """The database router: nothing reads or writes the replica unless it names it.

    A row that was read there is saved, and what hangs on it is read, on the primary.
    """

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        """Return the primary."""
        return PRIMARY

    def db_for_write(self, _model: Any, **_hints: Any) -> str:
        """Return the primary."""
        return PRIMARY

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        """Tell that both hold the same rows."""
        return True

    def allow_migrate(self, alias: str, _app: str, **_hints: Any) -> bool | None:
        """Keep migrations from the replica, which gets them from the primary."""
        return False if alias == REPLICA else None


def configured() -> bool:
    """Tell whether there is a replica at all."""
    return REPLICA in connections.databases


def standing() -> Standing | None:
    """Return how the replica stands, None where there is none."""
    return watch.standing() if configured() else None


def reading() -> str:
    """Return the alias of the database to read from now; ``read`` is what to use."""
    if not configured() or connections[PRIMARY].in_atomic_block:
        return PRIMARY
    fresh = _fresh.get()
    if fresh is not None and fresh():
        return PRIMARY
    return REPLICA if watch.standing().usable else PRIMARY


def read(question: Callable[[str], Answer]) -> Answer:
    """Return what ``question`` answers, which is given the database to ask.

    It must fetch everything it returns, and may be asked twice. Raises what it raises
    on the primary.
    """
    return _ask(question, reading())


def read_whole(question: Callable[[str], Answer]) -> Answer:
    """Do as ``read``, with everything that was committed before the call.

    Waits for the replica to get there, as long as it may be behind at all.
    """
    alias = reading()
    return _ask(question, alias if alias == PRIMARY or _caught_up() else PRIMARY)


@contextmanager
def own_writes_seen(fresh: Callable[[], bool]) -> Iterator[None]:
    """Read from the primary inside where ``fresh`` says that the reader has written."""
    token = _fresh.set(fresh)
    try:
        yield
    finally:
        _fresh.reset(token)


def _ask(question: Callable[[str], Answer], alias: str) -> Answer:
    if alias == PRIMARY:
        return question(PRIMARY)
    try:
        return question(alias)
    except (DatabaseError, psycopg.Error) as error:
        if getattr(error.__cause__ or error, "sqlstate", None) in NOT_ITS_FAULT:
            raise
        watch.failed()
        connections[alias].close()
    return question(PRIMARY)


def _caught_up() -> bool:
    deadline = time.monotonic() + settings.DATABASE_REPLICA_MAX_LAG
    try:
        wanted = place_of_primary()
        while time.monotonic() < deadline:
            place = place_of_replica()
            if place is None:
                return False
            if place >= wanted:
                return True
            time.sleep(STEP_SECONDS)
    except DatabaseError:
        return False
    return False
