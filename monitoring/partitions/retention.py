"""Rows that are deleted after a time, in tables that are not cut by month."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

logger = logging.getLogger(__name__)

BATCH_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Retained:
    """How many rows of ``table`` were deleted."""

    table: str
    deleted: int


def processes_retire(now: datetime) -> Retained:
    """Delete ended rows of strategy_processes older than PROCESS_ROWS_DAYS.

    The last PROCESS_ROWS_KEPT of each strategy stay, and every row that has not ended.
    Deleted in batches, each committed on its own; 0 days keep everything.
    """
    deleted = 0
    while settings.PROCESS_ROWS_DAYS:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM strategy_processes WHERE id IN (SELECT id FROM ("
                "SELECT id, stop_time, row_number() OVER (PARTITION BY strategy_id"
                " ORDER BY start_time DESC, id DESC) AS place FROM strategy_processes"
                ") AS numbered WHERE place > %s AND stop_time < %s LIMIT %s)",
                [
                    settings.PROCESS_ROWS_KEPT,
                    now - timedelta(days=settings.PROCESS_ROWS_DAYS),
                    BATCH_ROWS,
                ],
            )
            deleted += cursor.rowcount
            if cursor.rowcount < BATCH_ROWS:
                break
    return Retained("strategy_processes", deleted)


# Each is called once a day, after the rotation; add the retention of a table here.
RETENTIONS: Final[tuple[Callable[[datetime], Retained], ...]] = (processes_retire,)


def retention_apply(now: datetime) -> list[Retained]:
    """Run every retention; return what each deleted."""
    results = [retention(now) for retention in RETENTIONS]
    for result in results:
        if result.deleted:
            logger.info("Deleted %d old rows of %s.", result.deleted, result.table)
    return results
