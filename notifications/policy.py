"""Decisions about notifications. Pure: the time and the chance are arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

Item = TypeVar("Item")

# A transport ends a delivery after this many seconds, and until the lease is
# over nobody else may try the same notification.
SEND_SECONDS: Final = 60
LEASE = timedelta(seconds=120)
# A task that still has work after this long goes to the end of its queue, so
# that a P0 never waits for a whole chunk, not even where one worker does all.
TASK_SECONDS: Final = 1.0
ATTEMPTS_KEPT: Final = 20
SWEEP_LIMIT: Final = 2_000
JITTER: Final = 0.2
LONGEST_WAIT = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Retries:
    """Delays in seconds: ``first``, then three times as long, at most ``cap``."""

    first: float
    cap: float
    attempts: int

    def delay(self, attempt: int) -> float:
        """Return the wait after the ``attempt``-th failure (1 is the first)."""
        # The exponent is bounded because 3 ** 1000 does not fit a float.
        return float(min(self.cap, self.first * 3 ** min(attempt - 1, 20)))


# Each survives an outage of six to eight hours.
RETRIES: Final = {
    "P0": Retries(first=5, cap=600, attempts=45),
    "P1": Retries(first=15, cap=1800, attempts=20),
    "P2": Retries(first=60, cap=3600, attempts=12),
}
# Chunks of P0 are small so that they spread over all threads.
LARGEST_CHUNK: Final = {"P0": 25, "P1": 50, "P2": 50}
SPREAD: Final = 16
# While a queue holds tasks, a notification's task is probably among them; these
# are the waits after which it is put there again all the same.
SWEEP_PATIENCE: Final = {
    "P0": timedelta(seconds=30),
    "P1": timedelta(minutes=2),
    "P2": timedelta(minutes=5),
}
SWEEP_PATIENCE_EMPTY: Final = timedelta(seconds=5)
# The other rows of a burst, whose task should have written them at once.
FAN_OUT_PATIENCE: Final = timedelta(seconds=5)
# What is further ahead than this was written before a clock was set back.
CLOCKS_APART: Final = timedelta(minutes=1)
# Whoever made a task for a notification saw that it was due, by a clock a little ahead.
CLOCKS_DIFFER: Final = timedelta(seconds=3)
# Nothing is put off longer than a day and a night. What is to be tried or told later than
# this was stamped by a clock that has been set back since, and is due.
PUT_OFF_AT_MOST: Final = timedelta(hours=49)
# A claim is minutes old. One from further ahead than this is of such a clock as well: the
# clocks of workers that share the work are not so far apart.
CLAIM_AHEAD: Final = timedelta(hours=1)
# How often what is held is looked at; what is due in between has tasks of its own.
FLUSH_EVERY: Final = timedelta(seconds=10)
# Members of one digest; what is beyond goes into the next.
DIGEST_MEMBERS: Final = 10_000
# A part of the budget that was taken for a message, but not used in this time, is
# taken anew.
GRANT_LASTS: Final = timedelta(seconds=60)
# While Redis is away nobody knows what was sent lately.
BUDGET_BLIND: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How an attempt failed.

    ``retry_after`` are the seconds that the provider asked for; ``limit``
    replaces the number of attempts that the priority allows.
    """

    permanent: bool = False
    retry_after: float | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows a failed attempt: ``retry`` at a time, or ``failed``."""

    status: str
    next_attempt_at: datetime | None = None


def after_failure(
    error: Failure, *, priority: str, attempts: int, now: datetime, chance: float
) -> Decision:
    """Decide after ``attempts`` failed attempts, the last one included.

    ``chance`` is a random number from 0 to 1 for the jitter.
    """
    if error.permanent or attempts_exhausted(
        priority=priority, attempts=attempts, limit=error.limit
    ):
        return Decision("failed")
    delay = _retries(priority).delay(attempts) * (1 - JITTER + 2 * JITTER * chance)
    if error.retry_after is not None and math.isfinite(error.retry_after):
        # Later than asked for is polite, earlier is not, so this jitter is added.
        asked = min(error.retry_after, LONGEST_WAIT)
        delay = max(delay, asked + min(asked * JITTER, 5.0) * chance)
    return Decision("retry", now + timedelta(seconds=delay))


def attempts_exhausted(*, priority: str, attempts: int, limit: int | None) -> bool:
    """Tell whether no attempt is left after ``attempts`` of them."""
    return attempts >= (limit or _retries(priority).attempts)


def _retries(priority: str) -> Retries:
    return RETRIES.get(priority, RETRIES["P2"])


def chunks(items: Sequence[Item], priority: str) -> list[list[Item]]:
    """Split ``items`` into tasks: evenly over the threads, bounded by the priority."""
    size = max(1, min(LARGEST_CHUNK[priority], math.ceil(len(items) / SPREAD)))
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def sweep_patience(priority: str, queue_length: int) -> timedelta:
    """Return how long after its task was made a notification is swept up again."""
    return SWEEP_PATIENCE[priority] if queue_length else SWEEP_PATIENCE_EMPTY
