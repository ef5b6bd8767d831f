"""Every advisory lock of the database: what nobody else may do at the same moment.

A lock is one or two numbers. Whoever needs another one adds it here, where a test sees
that no two are alike. ``btc_watcher.lib.locking`` takes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, LiteralString

# "BTCW" in ASCII: the first number of those that count through their second one.
FAMILY: Final = 0x42544357


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock; ``key`` is SQL for its numbers, ``values`` are the parameters in it.

    One whose key has a parameter without a value stands for many: ``of`` gives one.
    """

    key: LiteralString
    values: tuple[Any, ...] = ()

    def of(self, value: str | int) -> Lock:
        """Return the lock of one of many, such as a table or a channel."""
        return replace(self, values=(*self.values, value))

    def take(self, *, wait: bool, session: bool) -> LiteralString:
        """Return the statement that takes it, with ``values`` as its parameters.

        Without ``wait`` its answer is whether the lock was free. It is held until the
        ``session`` ends or gives it back, or else until the transaction ends.
        """
        attempt: LiteralString = "" if wait else "try_"
        until: LiteralString = "" if session else "xact_"
        return f"SELECT pg_{attempt}advisory_{until}lock({self.key})"

    def give_back(self) -> LiteralString:
        """Return the statement that gives back what the session holds."""
        return f"SELECT pg_advisory_unlock({self.key})"


def _numbered(number: int) -> Lock:
    return Lock("%s, %s", (FAMILY, number))


# One process at a time judges the health of the strategies; another does nothing.
HEALTH_ROUND: Final = _numbered(30)
# One process at a time decides which proxies the strategies use; another does nothing.
FAILOVER_ROUND: Final = _numbered(31)
# Whoever writes the health of many strategies waits for the one who does: both would lock
# the same rows, perhaps in different orders.
HEALTH_OF_MANY: Final = _numbered(32)
# One process at a time averages measurements; another does nothing.
METRICS_MEANS: Final = _numbered(33)
# Two processes that start for the first time fill the schedule one after the other.
SCHEDULE_SEED: Final = _numbered(34)
# One process at a time judges who has died; another does nothing.
DEATHS: Final = _numbered(35)
# Two processes that begin look for a name of their own one after the other.
PROCESS_NAME: Final = _numbered(36)
# One process at a time measures; another does nothing.
METRICS_ROUND: Final = _numbered(37)
# One process at a time watches the servers; another does nothing.
WATCH_ROUND: Final = _numbered(38)
# One page at a time counts the rows of partitions; another says that it is busy.
COUNTING: Final = _numbered(39)
# Containers that start together bring the database up to date one after the other.
DATABASE_UPGRADE: Final = _numbered(60)

# Two people who want one name for a strategy come one after the other; of a name.
STRATEGY_NAME: Final = Lock("hashtext('strategy names'), hashtext(upper(%s))")
# Two people who ask for an upgrade of freqtrade come one after the other.
FREQTRADE_UPGRADE: Final = Lock("hashtext('freqtrade upgrades')")
# One worker at a time makes digests; another passes over; of a channel's id, or 0.
DIGESTS: Final = Lock("%s, %s", (1_112_819_543,))
# One process at a time looks after the partitions; another does nothing.
PARTITION_ROTATION: Final = Lock("hashtext('monthly partitions'), hashtext('rotation')")
# One process at a time moves rows out of a safety net; of a table's name. The functions in
# partition_functions.sql take the name alone for a change of moments.
PARTITION_MOVER: Final = Lock(
    "hashtext('monthly partitions'), hashtext('mover of ' || %s)"
)
# Whoever fills a scratch database holds it; once free, it may be dropped; of its name.
SCRATCH_DATABASE: Final = Lock("hashtextextended('btc_watcher ' || %s, 0)")
