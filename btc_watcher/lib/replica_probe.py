"""Asks the primary and the replica where they are in the log."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db import Error as DatabaseError

if TYPE_CHECKING:
    from btc_watcher.lib.replica_lag import LagMeter

REPLICA: Final = "replica"
KNOCK_SECONDS: Final = 0.5
# An address without a port.
USUAL_PORT: Final = 5432
PAGE_BYTES: Final = 8192
# Of a page, and of the first page of a file.
HEADER_BYTES: Final = (24, 40)
# What is inserted is committed for everybody, written or not.
PLACE: Final = (
    "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,"
    " clock_timestamp(), (SELECT system_identifier FROM pg_control_system())"
)
STANDING: Final = (
    "SELECT pg_is_in_recovery(),"
    " pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint,"
    " pg_last_xact_replay_timestamp(),"
    " (SELECT system_identifier FROM pg_control_system())"
)


class Reason(StrEnum):
    """Why the replica is used, or is not."""

    NEAR = "near"
    BEHIND = "behind"
    AWAY = "away"
    PROMOTED = "promoted"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the replica stood when it was asked; ``lag`` in seconds, None if unknown."""

    reason: Reason
    lag: float | None = None

    @property
    def usable(self) -> bool:
        """Whether it may be read."""
        return self.reason is Reason.NEAR


def probe(meter: LagMeter, most: float) -> Standing:
    """Return how the replica stands; ``most`` is the lag in seconds that is borne.

    Raises Django's database errors when the primary does not answer.
    """
    end, clock, identity = _row(DEFAULT_DB_ALIAS, PLACE)
    place = last_record(end)
    now = time.monotonic()
    try:
        in_recovery, replayed, committed, own_identity = _row(REPLICA, STANDING)
    except DatabaseError:
        connections[REPLICA].close()
        return Standing(Reason.AWAY)
    if own_identity != identity:
        return Standing(Reason.STRANGER)
    if not in_recovery:
        return Standing(Reason.PROMOTED)
    meter.note(now, place)
    age = (clock - committed).total_seconds() if committed else None
    return _judged(meter, now, place, replayed or 0, age, most)


def _judged(
    meter: LagMeter,
    now: float,
    place: int,
    replayed: int,
    age: float | None,
    most: float,
) -> Standing:
    if replayed > place and replayed > place_of_primary():
        # It holds what the primary has never written: one of the two was restored.
        return Standing(Reason.STRANGER)
    lag = meter.lag(now, replayed, age)
    near = lag is not None and lag <= most
    return Standing(Reason.NEAR if near else Reason.BEHIND, lag)


def place_of_primary() -> int:
    """Return the end of the primary's last record in its log, in bytes."""
    return last_record(_row(DEFAULT_DB_ALIAS, PLACE)[0])


def last_record(end: int) -> int:
    """Return where the last record before ``end`` ends. Pure.

    On a page that has nothing yet the next record begins after the page's header: no
    replica ever gets there while nothing is written.
    """
    within = end % PAGE_BYTES
    return end - within if within in HEADER_BYTES else end


def place_of_replica() -> int | None:
    """Return how far the replica has replayed the log; None when it is no replica."""
    in_recovery, replayed, *_rest = _row(REPLICA, STANDING)
    return int(replayed) if in_recovery and replayed is not None else None


def listens() -> bool:
    """Tell at once whether anybody listens at the replica's address.

    The pool would try for seconds, and a person waits.
    """
    values = connections[REPLICA].settings_dict
    host = str(values["HOST"] or "localhost")
    if host.startswith("/"):
        return True
    try:
        port = int(values["PORT"] or USUAL_PORT)
        socket.create_connection((host, port), KNOCK_SECONDS).close()
    except OSError:
        return False
    return True


def _row(alias: str, statement: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise DatabaseError(f"{alias} answered nothing.")
    return row
