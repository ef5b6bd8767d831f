"""Tables cut into one partition per calendar month (UTC): plan first, then apply.

Every such table has a DEFAULT partition as a safety net, so a row whose month has
no partition is kept and never refused. Making a month moves the rows that fell into
the net. PostgreSQL refuses DETACH … CONCURRENTLY beside a DEFAULT partition, so what
needs a strong lock goes through ``with_patient_locks``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import sql

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.patient_locks import LockUnavailableError, with_patient_locks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from django.db.backends.utils import CursorWrapper

    Answer = TypeVar("Answer")


class PartitionError(BtcWatcherError):
    """A partition could not be made or removed; nothing was changed."""


@dataclass(frozen=True, slots=True)
class MonthlyTable:
    """A table that is cut by the month of ``column``, and how far ahead."""

    name: str
    column: str
    months_ahead: int = 3

    @property
    def default(self) -> str:
        """The name of the safety net."""
        return f"{self.name}_default"

    def partition(self, month: date) -> str:
        """Return the name of the partition of ``month``; names sort by time."""
        return f"{self.name}_{month.year:04}_{month.month:02}"


SIGNALS: Final = MonthlyTable("signals", "timestamp")
NOTIFICATIONS: Final = MonthlyTable("notification_history", "sent_at")
PROXY_TESTS: Final = MonthlyTable("proxy_test_history", "test_time")
TABLES: Final = (SIGNALS, NOTIFICATIONS, PROXY_TESTS)


@dataclass(frozen=True, slots=True)
class State:
    """The partitions of a table, and per month the rows in its safety net."""

    partitions: frozenset[str] = frozenset()
    strays: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The months to create, with the rows to move there, and the partitions to drop."""

    table: MonthlyTable
    create: Mapping[date, int] = field(default_factory=dict)
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """What ``apply`` did: rows moved per created month, and partitions dropped."""

    created: Mapping[date, int]
    dropped: tuple[str, ...]


def month_start(day: date, offset: int = 0) -> date:
    """Return the first day of the month (UTC) ``offset`` months from ``day``.

    An aware datetime counts by its moment, whatever its zone.
    """
    if isinstance(day, datetime) and day.tzinfo is not None:
        day = day.astimezone(UTC)
    index = day.year * 12 + day.month - 1 + offset
    return date(index // 12, index % 12 + 1, 1)


def plan(
    table: MonthlyTable, state: State, *, today: date, months_kept: int | None = None
) -> Plan:
    """Return what ``table`` needs; ``months_kept`` None keeps every month. Pure.

    Kept are the current month and ``months_kept`` full months before it. A partition
    whose name is not one of ours is never dropped.
    """
    ahead = {month_start(today, offset) for offset in range(table.months_ahead + 1)}
    create = {
        month: state.strays.get(month, 0)
        for month in sorted(ahead | set(state.strays))
        if table.partition(month) not in state.partitions
    }
    if months_kept is None:
        return Plan(table, create)
    oldest_kept = table.partition(month_start(today, -months_kept))
    ours = re.compile(rf"{re.escape(table.name)}_\d{{4}}_\d{{2}}")
    old = (n for n in state.partitions if ours.fullmatch(n) and n < oldest_kept)
    return Plan(table, create, tuple(sorted(old)))


def describe(plan: Plan) -> list[str]:
    """Return one line per step of ``plan``, in the order of ``apply``."""
    lines = []
    for month, rows in plan.create.items():
        moved = f", move {rows} rows there from {plan.table.default}" if rows else ""
        lines.append(
            f"create {plan.table.partition(month)}"
            f" ({month} to {month_start(month, 1)} UTC){moved}"
        )
    return lines + [f"drop {name}" for name in plan.drop]


def state_read(table: MonthlyTable, *, using: str = DEFAULT_DB_ALIAS) -> State:
    """Read the partitions and the strays of ``table``."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits"
            " JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass",
            [table.name],
        )
        partitions = frozenset(name for (name,) in cursor.fetchall())
        # Beyond these years (or infinite) there is no month that could be made.
        cursor.execute(
            sql.SQL(
                "SELECT date_trunc('month', {column} AT TIME ZONE 'UTC')::date, count(*)"
                " FROM {default}"
                " WHERE {column} >= '0001-01-01 00:00:00+00'"
                " AND {column} < '9999-12-01 00:00:00+00'"
                " GROUP BY 1 ORDER BY 1"
            ).format(
                column=sql.Identifier(table.column),
                default=sql.Identifier(table.default),
            )
        )
        return State(partitions, dict(cursor.fetchall()))


def has_strays(table: MonthlyTable, *, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Tell whether the safety net of ``table`` holds a row."""
    with connections[using].cursor() as cursor:
        query = sql.SQL("SELECT FROM {} LIMIT 1")
        cursor.execute(query.format(sql.Identifier(table.default)))
        return cursor.fetchone() is not None


def apply(plan: Plan, *, using: str = DEFAULT_DB_ALIAS) -> Applied:
    """Create, each month in a transaction of its own, and only then drop."""
    created = months_ensure(plan.table, plan.create, using=using)
    dropped = []
    for name in plan.drop:
        if _locked(plan.table, using, partial(_drop, plan.table, name)):
            dropped.append(name)  # noqa: PERF401 - each step is a transaction
    return Applied(created, tuple(dropped))


def months_ensure(
    table: MonthlyTable, months: Iterable[date], *, using: str = DEFAULT_DB_ALIAS
) -> dict[date, int]:
    """Make the partitions of ``months`` that are missing; safe to call at any time.

    Returns the months that this very call made, with the number of rows that were
    moved there from the safety net. Callers in other threads and processes wait for
    each other. Call it outside a transaction: then each month is committed at once.
    Raises PartitionError when the lock was not to be had.
    """
    wanted = {table.partition(month): month for month in map(month_start, months)}
    with connections[using].cursor() as cursor:
        there = _attached(cursor, table, list(wanted))
    made = {}
    for name in sorted(wanted.keys() - there):
        month = wanted[name]
        moved = _locked(table, using, partial(_create, table, month))
        if moved is not None:
            made[month] = moved
    return made


def _attached(
    cursor: CursorWrapper, table: MonthlyTable, names: Iterable[str]
) -> set[str]:
    """Return those of ``names`` that are partitions of ``table``."""
    cursor.execute(
        "SELECT child.relname FROM pg_inherits"
        " JOIN pg_class child ON child.oid = inhrelid"
        " WHERE inhparent = %s::regclass AND child.relname = ANY (%s)",
        [table.name, list(names)],
    )
    return {name for (name,) in cursor.fetchall()}


def _locked(
    table: MonthlyTable, using: str, action: Callable[[CursorWrapper], Answer]
) -> Answer:
    try:
        return with_patient_locks(using, action)
    except LockUnavailableError as error:
        raise PartitionError(
            f"The partitions of {table.name} could not be changed: its lock was {error}."
            " Look for a long transaction in pg_stat_activity, then run manage.py"
            " rotate_partitions."
        ) from error


def _create(table: MonthlyTable, month: date, cursor: CursorWrapper) -> int | None:
    """Make one partition; return the rows moved, or None when another made it."""
    name = table.partition(month)
    cursor.execute(
        "SELECT pg_advisory_xact_lock(hashtext('monthly partitions'), hashtext(%s))",
        [table.name],
    )
    if _attached(cursor, table, [name]):
        return None
    parts = {
        "parent": sql.Identifier(table.name),
        "default": sql.Identifier(table.default),
        "child": sql.Identifier(name),
        "column": sql.Identifier(table.column),
        # With an offset: a bare date would follow the session's time zone.
        "first": sql.Literal(f"{month} 00:00:00+00"),
        "end": sql.Literal(f"{month_start(month, 1)} 00:00:00+00"),
    }
    for statement in (
        # Writers wait here for a moment. ATTACH alone would ask for less, but a row that
        # was on its way into the safety net meanwhile would be refused.
        "LOCK TABLE ONLY {parent} IN SHARE ROW EXCLUSIVE MODE",
        "LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
        "CREATE TABLE IF NOT EXISTS {child} (LIKE {parent} INCLUDING ALL)",
        "WITH moved AS (DELETE FROM {default}"
        " WHERE {column} >= {first} AND {column} < {end} RETURNING *)"
        " INSERT INTO {child} SELECT * FROM moved",
    ):
        cursor.execute(sql.SQL(statement).format(**parts))
    moved = int(cursor.rowcount)
    attach = "ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ({first}) TO ({end})"
    cursor.execute(sql.SQL(attach).format(**parts))
    return moved


def _drop(table: MonthlyTable, name: str, cursor: CursorWrapper) -> bool:
    """Drop one partition; False when it is gone already."""
    if not _attached(cursor, table, [name]):
        return False
    cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    return True
