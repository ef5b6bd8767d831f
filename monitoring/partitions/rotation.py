"""Upkeep of the monthly tables: new months first, then what is old."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from btc_watcher.lib import partition_concurrent, partitions
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.locking import lock_held
from btc_watcher.lib.locks import PARTITION_ROTATION
from btc_watcher.lib.partition_mover import strays_move
from btc_watcher.lib.partitions import TABLES, MonthlyTable, PartitionError, month_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

logger = logging.getLogger(__name__)
# New months, the safety net, what is old.
STEPS: Final = 3


@dataclass(slots=True)
class TableRotation:
    """What was planned for a table, and what was done.

    ``applied`` is None on a dry run, and when ``busy``: another rotation was at work.
    """

    plan: partitions.Plan
    applied: partitions.Applied | None = None
    copied: int = 0
    kept: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    busy: bool = False

    @property
    def error(self) -> str:
        """What went wrong, in sentences; empty when nothing did."""
        return " ".join(dict.fromkeys(self.errors))

    def figures(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON."""
        table = self.plan.table
        done = self.applied or partitions.Applied({}, ())
        return {
            "table": table.name,
            "plan": partitions.describe(self.plan),
            "created": [table.partition(month) for month in sorted(done.created)],
            "moved_rows": sum(done.created.values()),
            "dropped": list(done.dropped),
            "kept_detached": self.kept,
            "finished": self.finished,
            "discarded": self.discarded,
            "busy": self.busy,
            "error": self.error,
        }


def partitions_rotate(
    *,
    dry_run: bool = False,
    today: datetime | date | None = None,
    told: Callable[[str], None] | None = None,
) -> list[TableRotation]:
    """Make the months ahead, empty the safety nets, and retire what need not be kept.

    New months of all tables come first, and whatever fails keeps nothing else from its
    turn: ``error`` of a table says what and why. A second rotation at the same time
    does nothing. ``told`` hears the table before each of the STEPS that it goes through.
    Raises ConfigurationError for a PARTITION_MONTHS_KEPT without sense, and
    PartitionError when the database is away.
    """
    kept = months_kept()
    today = today or timezone.now()
    try:
        if dry_run:
            return [TableRotation(_plan(table, kept, today)) for table in TABLES]
        return _rotate(kept, today, told or _nobody_listens)
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        raise PartitionError(
            f"The partitions could not be looked after: {reason}. Run manage.py"
            " rotate_partitions when the database answers."
        ) from error


def _rotate(
    kept: dict[str, int], today: datetime | date, told: Callable[[str], None]
) -> list[TableRotation]:
    with lock_held(PARTITION_ROTATION) as ours:
        if not ours:
            logger.info("Another rotation of partitions is at work.")
            return [TableRotation(partitions.Plan(t), busy=True) for t in TABLES]
        rotations = []
        for table in TABLES:
            told(table.name)
            rotations.append(_create(table, kept, today))
        for step in (_empty_safety_net, _retire):
            for rotation in rotations:
                told(_name(rotation))
                step(rotation)
    return rotations


def _nobody_listens(_table: str) -> None:
    """Take progress that nobody wants to see."""


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


def _plan(
    table: MonthlyTable, kept: dict[str, int], today: datetime | date
) -> partitions.Plan:
    state = partitions.state_read(table)
    return partitions.plan(table, state, today=today, months_kept=kept.get(table.name))


def _step(rotation: TableRotation, action: Callable[[], None]) -> None:
    """Run one step; what goes wrong is told and stops no other step."""
    try:
        action()
    except PartitionError as error:
        _told(rotation, error.message)
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        _told(rotation, f"PostgreSQL refused a step for {_name(rotation)}: {reason}")


def _told(rotation: TableRotation, words: str) -> None:
    logger.error("%s", words)
    rotation.errors.append(words)


def _name(rotation: TableRotation) -> str:
    return rotation.plan.table.name


def _create(
    table: MonthlyTable, kept: dict[str, int], today: datetime | date
) -> TableRotation:
    rotation = TableRotation(partitions.Plan(table))
    _step(rotation, partial(_plan_anew, rotation, kept, today))
    for name in rotation.plan.finalize:
        _step(rotation, partial(_finalize, rotation, name))
    if rotation.finished:
        # A month that was pending looked as if it were there.
        _step(rotation, partial(_plan_anew, rotation, kept, today))
    created: dict[date, int] = {}
    for month in rotation.plan.create:
        _step(
            rotation,
            lambda month=month: created.update(  # type: ignore[misc]
                partitions.months_ensure(table, [month])
            ),
        )
    for month, rows in created.items():
        logger.info("Made %s; %d rows moved there.", table.partition(month), rows)
    rotation.applied = partitions.Applied(created, ())
    return rotation


def _plan_anew(
    rotation: TableRotation, kept: dict[str, int], today: datetime | date
) -> None:
    rotation.plan = _plan(rotation.plan.table, kept, today)


def _finalize(rotation: TableRotation, name: str) -> None:
    # A month that a person detached by hand, and that need not go, is kept.
    keep = settings.PARTITION_KEEP_DETACHED or name not in rotation.plan.drop
    gone = partitions.finalize(rotation.plan.table, name, keep=keep)
    logger.info("Finished the interrupted detach of %s (now %s).", name, gone)
    rotation.finished.append(name)


def _empty_safety_net(rotation: TableRotation) -> None:
    plan = rotation.plan
    if plan.clear:
        _step(rotation, partial(partitions.clear, plan.table))
    if not plan.mover:
        return

    def move() -> None:
        rotation.copied = strays_move(plan.table, list(plan.mover))
        done = rotation.applied or partitions.Applied({}, ())
        rotation.applied = partitions.Applied(
            {**done.created, **plan.mover}, done.dropped
        )
        logger.info("Moved %d rows out of %s.", rotation.copied, plan.table.default)

    _step(rotation, move)


def _retire(rotation: TableRotation) -> None:
    for name in rotation.plan.discard:
        _step(rotation, partial(_discard, rotation, name))
    if rotation.plan.drop:
        _step(rotation, partial(_retire_months, rotation))


def _retire_months(rotation: TableRotation) -> None:
    state = partitions.state_read(rotation.plan.table)
    for name in rotation.plan.drop:
        if name in state.partitions:
            _step(rotation, partial(_retire_month, rotation, name, state))


def _discard(rotation: TableRotation, name: str) -> None:
    if partitions.discard(rotation.plan.table, name):
        rotation.discarded.append(name)
        logger.info("Dropped %s, which an earlier rotation had detached.", name)


def _retire_month(rotation: TableRotation, name: str, state: partitions.State) -> None:
    table, keep = rotation.plan.table, settings.PARTITION_KEEP_DETACHED
    _check_clock(name)
    if partition_concurrent.may_detach_concurrently(table, state):
        gone = partition_concurrent.retire_concurrently(table, name, keep=keep)
    else:
        gone = partitions.retire(table, name, keep=keep)
    done = rotation.applied or partitions.Applied({}, ())
    if keep:
        rotation.kept.append(gone)
        logger.info("Detached %s; it is kept as %s.", name, gone)
    elif gone:
        rotation.applied = partitions.Applied(done.created, (*done.dropped, name))
        logger.info("Dropped %s: older than is kept.", name)


def _check_clock(name: str) -> None:
    """Refuse to retire a month that is not over by the database's own clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone() or (timezone.now(),)
    if month_of(name) >= partitions.month_start(now, -1):
        raise PartitionError(
            f"{name} is to be retired by this machine's clock, but the database's clock"
            f" says {now:%Y-%m-%d}. Set the clocks right; nothing was removed."
        )
