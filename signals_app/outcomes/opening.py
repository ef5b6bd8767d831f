"""Signals of the past, put among what is open. A service of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from btc_watcher.lib.statements import rows_of
from signals_app.outcomes.statements import PAST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# Below every id.
FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Opened:
    """One batch of signals: how many were read, up to when, and which were opened."""

    read: int
    last: datetime
    ids: list[UUID]


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
