"""Is the system well: one word per component, never a secret, never a long wait."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from monitoring import cache, selectors

if TYPE_CHECKING:
    from collections.abc import Callable

    Words = dict[str, str]

logger = logging.getLogger(__name__)

WAIT_SECONDS: Final = 2.0
STATEMENT_TIMEOUT: Final = "1500ms"
KEPT_SECONDS: Final = 1.0
# The sweep is queued every ten seconds: so many have waited five minutes.
TASKS_WAITING: Final = 30

FINE: Final = {"ok", "idle"}
WARNINGS: Final = {"warning"}


class Probe:
    """Asks in a thread of its own, because the answer may never come.

    While an old question is still open no second one is asked, so a server that
    hangs holds one thread and not more.
    """

    def __init__(
        self, name: str, question: Callable[[], Words], silence: Words
    ) -> None:
        """``silence`` are the words for a question that was not answered in time."""
        self._name = name
        self._question = question
        self._silence = silence
        self._words = silence
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Start asking."""
        if self._thread is None or not self._thread.is_alive():
            self._words = self._silence
            self._thread = threading.Thread(
                target=self._run, name=f"health {self._name}", daemon=True
            )
            self._thread.start()

    def answer(self, deadline: float) -> Words:
        """Return the words, waiting until ``deadline`` (monotonic) at most."""
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        return self._words

    def _run(self) -> None:
        self._words = self._question()


def ask_database() -> Words:
    """Ask PostgreSQL: itself, the supervisor's heartbeat, the outbox, the safety nets."""
    now = timezone.now()
    words = {"database": "failed"}
    questions: dict[str, Callable[[], str]] = {
        "database": lambda: "ok",
        "supervisor": lambda: selectors.supervisor_word(now),
        "worker": lambda: "late" if selectors.outbox_is_late(now) else "ok",
        "partitions": lambda: "warning" if selectors.partitions_have_strays() else "ok",
    }
    try:
        for name, question in questions.items():
            words[name] = _bounded(question)
    except DatabaseError as error:
        # The text may hold the address of the server.
        logger.warning("Health: the database failed (%s).", type(error).__name__)
    finally:
        connection.close()
    return words


def _bounded(question: Callable[[], str]) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true)", [STATEMENT_TIMEOUT]
        )
        return question()


def ask_redis() -> Words:
    """Ask Redis: itself, and whether anybody takes tasks."""
    try:
        waiting = cache.tasks_waiting()
    except cache.RedisError as error:
        logger.warning("Health: Redis failed (%s).", type(error).__name__)
        return {"redis": "failed"}
    return {"redis": "ok", "queue": "late" if waiting > TASKS_WAITING else "ok"}


class Health:
    """The report, made at most once per second in a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._report: Words = {}
        self._made = float("-inf")
        self._probes = (
            Probe("database", ask_database, {"database": "timeout"}),
            Probe("redis", ask_redis, {"redis": "timeout"}),
        )

    def report(self) -> Words:
        """Return ``status`` (ok, warning, unavailable) and a word per component."""
        with self._lock:
            if time.monotonic() - self._made > KEPT_SECONDS:
                self._report = self._make()
                self._made = time.monotonic()
            return self._report

    def _make(self) -> Words:
        deadline = time.monotonic() + WAIT_SECONDS
        for probe in self._probes:
            probe.ask()
        answers: Words = {}
        for probe in self._probes:
            answers |= probe.answer(deadline)
        return summary(answers)


def summary(answers: Words) -> Words:
    """Return the report for what the probes answered; what is missing is unknown. Pure."""
    names = ("database", "redis", "supervisor", "worker", "partitions")
    words = {name: answers.get(name, "unknown") for name in names}
    if answers.get("queue") == "late" and words["worker"] == "ok":
        words["worker"] = "late"
    bad = [word for word in words.values() if word not in FINE | WARNINGS]
    if bad:
        status = "unavailable"
    elif WARNINGS & set(words.values()):
        status = "warning"
    else:
        status = "ok"
    return {"status": status} | words


health = Health()
