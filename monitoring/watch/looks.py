"""How to look for each kind of trouble. Each look is a few milliseconds long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib import partitions, replica
from monitoring.backups.places import places_of
from monitoring.database.activity import connections_now
from monitoring.database.cache import redis_state
from monitoring.database.outbox import outbox_waiting
from monitoring.database.pools import pools_listed
from monitoring.database.sizes import strays_counted
from monitoring.heartbeats.disks import disks_elsewhere, disks_here
from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import is_alive, queues_unread
from monitoring.watch.judging import Level, Reading, level_of
from monitoring.watch.questions import lock_waiters, slots_idle, transaction_oldest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    Memory = Mapping[str, Any]
    Look = Callable[[datetime, Memory], Reading]

GB: Final = 1024**3
# Seconds: more is wrong, no more than the second is well again.
TRANSACTION: Final = (300.0, 60.0)
LOCK: Final = (30.0, 5.0)
NOTIFICATION: Final = (300.0, 60.0)
# Parts of the whole.
CONNECTIONS: Final = (0.9, 0.8)
REDIS_MEMORY: Final = (0.9, 0.8)
# Free gigabytes and free part, both: below the first is wrong, above the second well.
DISK_WRONG, DISK_RIGHT = (5.0, 0.10), (6.0, 0.12)
# Log that a slot may hold back for a replica that is away for a while.
SLOT_BYTES: Final = GB
NAMED: Final = 10


def partitions_look(now: datetime, _memory: Memory) -> Reading:
    """This month and the next have their partitions."""
    missing = []
    for table in partitions.TABLES:
        there = partitions.state_read(table, count=False).partitions
        months = (partitions.month_start(now, ahead) for ahead in (0, 1))
        names = (table.partition(month) for month in months)
        missing += [name for name in names if name not in there]
    return Reading(Level.WRONG if missing else Level.RIGHT, {"names": missing})


def strays_look(_now: datetime, _memory: Memory) -> Reading:
    """No row lies outside of every month."""
    found = {name: rows for name, rows in strays_counted().items() if rows}
    return Reading(Level.WRONG if found else Level.RIGHT, {"tables": found})


def transaction_look(_now: datetime, _memory: Memory) -> Reading:
    """No transaction is open for long."""
    oldest = transaction_oldest()
    if oldest is None:
        return Reading(Level.RIGHT)
    level = level_of(oldest.seconds, wrong=TRANSACTION[0], right=TRANSACTION[1])
    facts = {
        "pid": oldest.pid,
        "seconds": round(oldest.seconds),
        "application": oldest.application or "?",
        "state": oldest.state,
    }
    return Reading(level, facts)


def locks_look(_now: datetime, _memory: Memory) -> Reading:
    """Nobody waits long for a lock."""
    waiters = lock_waiters()
    longest = waiters[0].seconds if waiters else 0.0
    blockers = sorted({pid for each in waiters for pid in each.blockers})
    facts = {
        "seconds": round(longest),
        "count": len(waiters),
        "waiters": [each.pid for each in waiters[:NAMED]],
        # Those that wait themselves are not the cause.
        "blockers": [
            pid for pid in blockers if pid not in {each.pid for each in waiters}
        ][:NAMED],
    }
    return Reading(level_of(longest, wrong=LOCK[0], right=LOCK[1]), facts)


def pools_look(_now: datetime, memory: Memory) -> Reading:
    """No process has to do without a connection: none gave up, none waits twice."""
    pools = {
        f"{each.kind} {each.process} {each.database}".rstrip(): each
        for each in pools_listed()
    }
    before = memory.get("failed", {})
    failed = {name: each.failed for name, each in pools.items()}
    gave_up = {
        name: count - before[name]
        for name, count in failed.items()
        if count > before.get(name, count)
    }
    short = [name for name, each in pools.items() if each.waiting and not each.free]
    still = sorted(set(short) & set(memory.get("short", [])))
    level = Level.BETWEEN if short else Level.RIGHT
    if gave_up or still:
        level = Level.WRONG
    facts = {"names": sorted({*gave_up, *still}), "failed": sum(gave_up.values())}
    return Reading(level, facts, {"failed": failed, "short": short})


def connections_look(_now: datetime, _memory: Memory) -> Reading:
    """The server has connections left."""
    seen = connections_now()
    level = level_of(
        seen.everywhere / seen.most, wrong=CONNECTIONS[0], right=CONNECTIONS[1]
    )
    return Reading(level, {"open": seen.everywhere, "most": seen.most})


def replication_look(_now: datetime, _memory: Memory) -> Reading:
    """The replica, where there is one, follows; no slot fills the primary's disk."""
    standing = replica.standing()
    slots = [slot for slot in slots_idle() if slot["kept"] > SLOT_BYTES]
    facts: dict[str, Any] = {
        "reason": "" if standing is None else standing.reason.value,
        "seconds": None if standing is None or standing.lag is None else standing.lag,
        "slots": {slot["name"]: round(slot["kept"] / GB, 1) for slot in slots},
    }
    well = (standing is None or standing.usable) and not slots
    return Reading(Level.RIGHT if well else Level.WRONG, facts)


def notifications_look(now: datetime, _memory: Memory) -> Reading:
    """Nothing that is due waits for long."""
    found = outbox_waiting(now)
    level = level_of(found.seconds, wrong=NOTIFICATION[0], right=NOTIFICATION[1])
    return Reading(level, {"count": found.due, "seconds": round(found.seconds)})


def evictions_look(_now: datetime, memory: Memory) -> Reading:
    """Redis throws nothing out."""
    evicted = int(redis_state()["evicted"])
    # The counter begins anew with the server.
    grown = evicted - min(int(memory.get("evicted", evicted)), evicted)
    level = Level.WRONG if grown else Level.RIGHT
    return Reading(level, {"count": grown}, {"evicted": evicted})


def redis_memory_look(_now: datetime, _memory: Memory) -> Reading:
    """Redis has room."""
    state = redis_state()
    used, limit = state["memory"], state["limit"]
    facts = {"used": round(used / 2**20, 1), "limit": round(limit / 2**20)}
    if not limit:
        return Reading(Level.RIGHT, facts)
    level = level_of(used / limit, wrong=REDIS_MEMORY[0], right=REDIS_MEMORY[1])
    return Reading(level, facts | {"percent": round(100 * used / limit)})


def backups_look(_now: datetime, _memory: Memory) -> Reading:
    """Workers of one machine make backups; whether they are good is told by those.

    The folder is not looked at: it may lie on a disk that does not answer.
    """
    rows, bounds = beats_read(), limits()
    places = places_of([row for row in rows if is_alive(row, bounds)], "")
    level = Level.RIGHT if len(places) == 1 else Level.WRONG
    if not places and queues_unread(rows, bounds):
        # The worker that is missing is told of already.
        level = Level.BETWEEN
    return Reading(level, {"places": [(p.names, p.folder) for p in places]})


def disk_look(_now: datetime, _memory: Memory) -> Reading:
    """There is room where state and backups are kept, here and on the other machines."""
    disks = [*disks_here(), *disks_elsewhere()]
    found = [(disk_level(disk.free, disk.total), disk) for disk in disks]
    full = [disk for level, disk in found if level is Level.WRONG]
    if full:
        places = [
            {"host": disk.host, "path": disk.path, "percent": disk.percent}
            for disk in full[:NAMED]
        ]
        return Reading(Level.WRONG, {"places": places})
    between = any(level is Level.BETWEEN for level, _disk in found)
    return Reading(Level.BETWEEN if between else Level.RIGHT, {"places": []})


def disk_level(free: int, total: int) -> Level:
    """Return the level for bytes that are free, of all. Pure."""

    def below(limit: tuple[float, float]) -> bool:
        # Both, so that neither a huge nor a tiny disk is an alarm by itself.
        return free < limit[0] * GB and free < limit[1] * total

    if below(DISK_WRONG):
        return Level.WRONG
    return Level.BETWEEN if below(DISK_RIGHT) else Level.RIGHT
