"""Upkeep of the database."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from btc_watcher.lib import partitions
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.partitions import TABLES, MonthlyTable, PartitionError

if TYPE_CHECKING:
    from datetime import date

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TableRotation:
    """What was planned for a table, and what was done; ``applied`` None on a dry run."""

    plan: partitions.Plan
    applied: partitions.Applied | None = None
    error: str = ""

    def figures(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON."""
        table = self.plan.table
        figures: dict[str, Any] = {
            "table": table.name,
            "plan": partitions.describe(self.plan),
            "created": [],
            "moved_rows": 0,
            "dropped": [],
            "error": self.error,
        }
        if self.applied is not None:
            figures["created"] = [table.partition(m) for m in self.applied.created]
            figures["moved_rows"] = sum(self.applied.created.values())
            figures["dropped"] = list(self.applied.dropped)
        return figures


def partitions_rotate(
    *, dry_run: bool = False, today: date | None = None
) -> list[TableRotation]:
    """Make the months ahead, empty the safety nets, and drop what need not be kept.

    A table that fails does not keep the others from their turn: its ``error`` says
    why. Raises ConfigurationError for a PARTITION_MONTHS_KEPT that makes no sense.
    """
    kept = months_kept()
    today = today or timezone.now()
    return [_rotate(table, kept.get(table.name), today, dry_run) for table in TABLES]


def months_kept() -> dict[str, int]:
    """Return ``settings.PARTITION_MONTHS_KEPT``, checked; a missing table is kept whole."""
    kept: dict[str, int] = settings.PARTITION_MONTHS_KEPT
    names = [table.name for table in TABLES]
    for name, months in kept.items():
        if name not in names:
            raise ConfigurationError(
                f"PARTITION_MONTHS_KEPT names {name!r}, which is not cut by month;"
                f" use {', '.join(names)}."
            )
        if months < 1:
            raise ConfigurationError(
                f"PARTITION_MONTHS_KEPT keeps {months} months of {name}; keep at least 1,"
                " or leave the table out to keep everything."
            )
    return kept


def _rotate(
    table: MonthlyTable,
    kept: int | None,
    today: date,
    dry_run: bool,  # noqa: FBT001 - private
) -> TableRotation:
    plan = partitions.plan(
        table, partitions.state_read(table), today=today, months_kept=kept
    )
    if dry_run:
        return TableRotation(plan)
    try:
        applied = partitions.apply(plan)
    except PartitionError as error:
        logger.error("%s", error.message)  # noqa: TRY400 - the sentence says it all
        return TableRotation(plan, error=error.message)
    for month, rows in applied.created.items():
        logger.info("Made %s; %d rows moved there.", table.partition(month), rows)
    for name in applied.dropped:
        logger.info("Dropped %s: older than %s months.", name, kept)
    return TableRotation(plan, applied)
