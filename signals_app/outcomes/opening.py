"""Signals put among what is open: new ones, and those of the past. Services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.db import transaction

from btc_watcher.lib.statements import rows_of
from signals_app.identity import MILLISECOND, moment_of
from signals_app.outcomes.statements import (
    ARRIVED,
    FORGET_ARRIVED,
    OPEN_ARRIVED,
    PAST,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

# Below every id.
FIRST: Final = UUID(int=0)
# Intakes that are opened in one transaction.
ARRIVALS: Final = 10


@dataclass(frozen=True, slots=True)
class Opened:
    """One batch of signals: how many were read, up to when, and which were opened."""

    read: int
    last: datetime
    ids: list[UUID]


def arrivals_open(*, batches: int = 100) -> int:
    """Open the signals that intakes have stored; return how many.

    An intake leaves one row that names what it stored, in its own transaction. The row
    goes in the transaction in which the work is put down: whatever is killed in between,
    and in whatever order intakes commit, each signal is opened, and once.
    """
    opened = 0
    for _batch in range(batches):
        read, some = _arrivals_open_some()
        opened += some
        if read < ARRIVALS:
            break
    return opened


@transaction.atomic
def _arrivals_open_some() -> tuple[int, int]:
    """Return how many intakes were read, and how many signals were opened."""
    arrived = rows_of(ARRIVED, [ARRIVALS])
    if not arrived:
        return 0, 0
    ids = [each for _number, some in arrived for each in some]
    opened = rows_of(OPEN_ARRIVED, {"ids": ids} | _between(ids))
    rows_of(FORGET_ARRIVED, [[number for number, _some in arrived]])
    return len(arrived), len(opened)


def _between(ids: Collection[UUID]) -> dict[str, datetime | None]:
    """Return bounds of the signals' times, which tell the planner the months.

    An id holds whole milliseconds, rounded down.
    """
    last = moment_of(max(ids))
    return {"first": moment_of(min(ids)), "last": last and last + MILLISECOND}


def past_open(
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    strategy_id: int | None = None,
    again: bool = False,
    batch: int = 2_000,
) -> Iterator[Opened]:
    """Open the outcomes of stored signals, ``batch`` at a time, the oldest first.

    Those that have one are passed over; with ``again`` those that were closed as
    unknown or with gaps are looked at once more. Each batch is one statement that reads
    on from where the one before ended.
    """
    place, after = since, FIRST
    while True:
        rows = rows_of(
            PAST,
            {
                "since": place,
                "until": until,
                "after": after,
                "strategy": strategy_id,
                "again": again,
                "limit": batch,
                "due": now,
            },
        )
        if not rows:
            return
        after, place, _opened = rows[-1]
        yield Opened(len(rows), place, [row[0] for row in rows if row[2]])
        if len(rows) < batch:
            return
