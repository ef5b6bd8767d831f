"""Moves many rows out of a safety net while everybody goes on reading and writing.

The rows are copied in batches into a shadow beside the table; a trigger repeats every
change there; then shadow and safety net change places in one transaction of
milliseconds. Killed before that, nothing has happened: the next mover begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db import DEFAULT_DB_ALIAS, connections

from btc_watcher.lib.locking import lock_held
from btc_watcher.lib.locks import PARTITION_MOVER
from btc_watcher.lib.partitions import DIRECT_ROWS, PartitionError, called, discard

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date

    from btc_watcher.lib.partitions import MonthlyTable

# About a tenth of a second of row locks.
BATCH_ROWS: Final = DIRECT_ROWS


def strays_move(
    table: MonthlyTable,
    months: Collection[date],
    *,
    using: str = DEFAULT_DB_ALIAS,
    told: Callable[[int], None] = lambda _rows: None,
) -> int:
    """Give every month of ``months`` its partition, with its rows of the safety net.

    ``told`` hears the rows copied so far. Returns the rows copied, which includes those
    that stay in the safety net. Call it outside a transaction.
    Raises PartitionError when a lock was not to be had, or another mover is at work;
    then nothing was moved.
    """
    # Two would fill one shadow, and neither all of it.
    with lock_held(PARTITION_MOVER.of(table.name), using=using) as ours:
        if not ours:
            raise PartitionError(
                f"Another process is moving the rows of {table.default}. Wait until it"
                " has ended."
            )
        return _move(table, months, using, told)


def _move(
    table: MonthlyTable,
    months: Collection[date],
    using: str,
    told: Callable[[int], None],
) -> int:
    called(table, "btcw_mover_start", list(months), using=using)
    copied = 0
    last: tuple[str | None, str | None] = (None, None)
    while True:
        with connections[using].cursor() as cursor:
            cursor.execute(
                "SELECT copied, last_id, last_time"
                " FROM btcw_mover_copy(%s, %s::text, %s::text, %s)",
                [table.name, *last, BATCH_ROWS],
            )
            batch = cursor.fetchone()
        if batch is None:
            break
        copied += batch[0]
        last = (batch[1], batch[2])
        told(copied)
    discard(table, called(table, "btcw_mover_finish", using=using), using=using)
    return copied
