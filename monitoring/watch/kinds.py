"""The kinds of trouble: one alert each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitoring.watch import looks, words
from monitoring.watch.judging import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitoring.watch.looks import Look
    from monitoring.watch.words import Facts
    from notifications.saying import Words

MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of trouble; ``key`` is also the key of its alert."""

    key: str
    priority: str
    look: Look
    words: Callable[[Facts], Words]
    patience: Patience = field(default_factory=Patience)


KINDS: Final = (
    Kind("database:partitions", "P1", looks.partitions_look, words.partitions_words),
    # The rotation of every day moves a few by itself, and intake makes its own month.
    Kind(
        "database:strays",
        "P2",
        looks.strays_look,
        words.strays_words,
        Patience(wrong=60 * MINUTE),
    ),
    Kind("database:transaction", "P2", looks.transaction_look, words.transaction_words),
    Kind("database:locks", "P1", looks.locks_look, words.locks_words),
    Kind(
        "database:pools",
        "P1",
        looks.pools_look,
        words.pools_words,
        Patience(right=5 * MINUTE),
    ),
    Kind("database:connections", "P1", looks.connections_look, words.connections_words),
    # A replica that is restarted is away for seconds.
    Kind(
        "database:replication",
        "P1",
        looks.replication_look,
        words.replication_words,
        Patience(wrong=2 * MINUTE, right=MINUTE),
    ),
    Kind(
        "work:notifications",
        "P1",
        looks.notifications_look,
        words.notifications_words,
        # What was held for the night counts as overdue until it has been sent.
        Patience(wrong=2 * MINUTE),
    ),
    Kind(
        "redis:evictions",
        "P1",
        looks.evictions_look,
        words.evictions_words,
        Patience(right=15 * MINUTE),
    ),
    Kind("redis:memory", "P1", looks.redis_memory_look, words.redis_memory_words),
    # The age of backups is told by whoever makes them: here, that nobody does.
    Kind(
        "backup:place",
        "P1",
        looks.backups_look,
        words.backups_words,
        Patience(wrong=10 * MINUTE),
    ),
    # Whoever takes the round sees its own machine's disk best.
    Kind(
        "machine:disk",
        "P1",
        looks.disk_look,
        words.disk_words,
        Patience(wrong=5 * MINUTE, right=15 * MINUTE),
    ),
)
