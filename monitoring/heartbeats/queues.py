"""Which queues workers say that they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from btc_watcher.lib import redis_keys

if TYPE_CHECKING:
    from monitoring.heartbeats.store import Seen

# What somebody has to read, wherever it is, the most urgent first. Backups are made on
# one machine, and who makes them tells where: see monitoring.backups.places.
NEEDED: Final = (
    *(redis_keys.notifications_queue(each) for each in redis_keys.PRIORITIES),
    redis_keys.DEFAULT_QUEUE,
)
# The figure of a worker that names what it reads.
QUEUES: Final = "queues"


def reads(row: Seen, queue: str) -> bool:
    """Tell whether a worker reads a queue; one that does not tell does, as before."""
    told = row.figures.get(QUEUES)
    return not isinstance(told, list) or queue in told
