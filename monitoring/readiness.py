"""Can this web process serve pages: the database answers, and its schema is ours."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from monitoring import cache
from monitoring.health import KEPT_SECONDS, WAIT_SECONDS, Probe

if TYPE_CHECKING:
    from monitoring.health import Words

logger = logging.getLogger(__name__)

STATEMENT_TIMEOUT: Final = "1500ms"


class Readiness:
    """The report, made at most once per second in a process.

    That the schema is up to date is asked until it is: it does not go back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._report: Words = {}
        self._made = float("-inf")
        self._migrated = False
        self._probes = (
            Probe("ready database", self._ask_database, {"database": "timeout"}),
            Probe("ready redis", _ask_redis, {"redis": "timeout"}),
        )

    def report(self) -> Words:
        """Return ``status`` (ok, unavailable), ``database``, ``migrations``, ``redis``."""
        with self._lock:
            if time.monotonic() - self._made > KEPT_SECONDS:
                self._report = self._make()
                self._made = time.monotonic()
            return self._report

    def _make(self) -> Words:
        deadline = time.monotonic() + WAIT_SECONDS
        for probe in self._probes:
            probe.ask()
        words: Words = {"database": "unknown", "migrations": "unknown"}
        for probe in self._probes:
            words |= probe.answer(deadline)
        good = words["database"] == words["migrations"] == "ok"
        return {"status": "ok" if good else "unavailable"} | words

    def _ask_database(self) -> Words:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                # For this transaction alone: the connection goes back to the pool.
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true)",
                    [STATEMENT_TIMEOUT],
                )
                self._migrated = self._migrated or _is_migrated()
        except DatabaseError as error:
            logger.warning("Readiness: the database failed (%s).", type(error).__name__)
            return {"database": "failed"}
        finally:
            connection.close()
        return {"database": "ok", "migrations": "ok" if self._migrated else "missing"}


def _is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _ask_redis() -> Words:
    try:
        cache.tasks_waiting()
    except cache.RedisError:
        return {"redis": "failed"}
    return {"redis": "ok"}


readiness = Readiness()
