"""Tables cut into one partition per calendar month (UTC): plan first, then apply.

Every such table has a DEFAULT partition as a safety net, so a row whose month has
no partition is kept and never refused. Making a month moves the few rows that fell
into the net; ``partition_mover`` moves many. What needs a strong lock goes through
``with_patient_locks`` and runs in PostgreSQL's own functions (``partition_functions``),
so that a role without DDL can do it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from psycopg import sql

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.patient_locks import LockUnavailableError, with_patient_locks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from django.db.backends.utils import CursorWrapper

# Rows that one short transaction may move out of the safety net, under a strong lock.
DIRECT_ROWS: Final = 2_000
# Months back for which a gap between partitions is filled.
GAP_MONTHS: Final = 12
MONTH: Final = re.compile(r"((?!0000)\d{4})_(0[1-9]|1[0-2])", re.ASCII)


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

    @property
    def shadow(self) -> str:
        """The name of the table that the mover fills; there is one while it works."""
        return f"{self.name}_moving"

    def partition(self, month: date) -> str:
        """Return the name of the partition of ``month``; names sort by time."""
        return f"{self.name}_{month.year:04}_{month.month:02}"

    def month_in(self, name: str) -> date | None:
        """Return the month of the partition ``name``, None when the name is not ours."""
        found = MONTH.fullmatch(name.removeprefix(f"{self.name}_"))
        if found is None or not name.startswith(f"{self.name}_"):
            return None
        return date(int(found[1]), int(found[2]), 1)


SIGNALS: Final = MonthlyTable("signals", "timestamp")
NOTIFICATIONS: Final = MonthlyTable("notification_history", "sent_at")
PROXY_TESTS: Final = MonthlyTable("proxy_test_history", "test_time")
OUTCOMES: Final = MonthlyTable("signal_outcomes", "timestamp")
TABLES: Final = (SIGNALS, NOTIFICATIONS, PROXY_TESTS, OUTCOMES)


@dataclass(frozen=True, slots=True)
class State:
    """The partitions of a table, and per month the rows in its safety net.

    ``pending`` are months whose concurrent detach was interrupted, ``leftovers`` are
    tables that were detached to be dropped and are still there, ``moving`` tells of the
    shadow of a mover.
    """

    partitions: frozenset[str] = frozenset()
    strays: Mapping[date, int] = field(default_factory=dict)
    pending: frozenset[str] = frozenset()
    leftovers: frozenset[str] = frozenset()
    moving: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The months to create, with the rows to move there, and the partitions to drop.

    ``mover`` are months with more rows in the safety net than DIRECT_ROWS; ``clear``
    tells that a mover was killed and nothing is left for another to do.
    """

    table: MonthlyTable
    create: Mapping[date, int] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    mover: Mapping[date, int] = field(default_factory=dict)
    finalize: tuple[str, ...] = ()
    discard: tuple[str, ...] = ()
    clear: bool = False


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


def month_of(name: str) -> date:
    """Return the month in a partition's name, such as ``signals_2026_11``."""
    return date(int(name[-7:-3]), int(name[-2:]), 1)


def plan(
    table: MonthlyTable, state: State, *, today: date, months_kept: int | None = None
) -> Plan:
    """Return what ``table`` needs; ``months_kept`` None keeps every month. Pure.

    Kept are the current month and ``months_kept`` full months before it. A partition
    whose name is not one of ours is never dropped.
    """
    named = {month for n in state.partitions if (month := table.month_in(n))}
    ahead = {month_start(today, offset) for offset in range(table.months_ahead + 1)}
    gaps = _gaps(named | ahead, today, months_kept)
    missing = {
        month: state.strays.get(month, 0)
        for month in sorted(ahead | gaps | set(state.strays))
        if table.partition(month) not in state.partitions
    }
    old: list[date] = []
    if months_kept is not None:
        oldest_kept = month_start(today, -months_kept)
        old = sorted(month for month in named if month < oldest_kept)
    mover = {m: rows for m, rows in missing.items() if rows > DIRECT_ROWS}
    return Plan(
        table,
        create={m: rows for m, rows in missing.items() if rows <= DIRECT_ROWS},
        mover=mover,
        drop=tuple(table.partition(month) for month in old),
        finalize=tuple(sorted(n for n in state.pending if table.month_in(n))),
        discard=tuple(sorted(state.leftovers)),
        clear=state.moving and not mover,
    )


def _gaps(months: Collection[date], today: date, months_kept: int | None) -> set[date]:
    """Return the months without a partition between the oldest one and today.

    At most a year back, and no further than months are kept.
    """
    back = GAP_MONTHS if months_kept is None else min(GAP_MONTHS, months_kept)
    month, end = max(min(months), month_start(today, -back)), month_start(today)
    gaps = set()
    while month < end:
        gaps.add(month)
        month = month_start(month, 1)
    return gaps - set(months)


def describe(plan: Plan) -> list[str]:
    """Return one line per step of ``plan``, in the order of ``apply``."""
    lines = []
    for month, rows in plan.create.items():
        moved = f", move {rows} rows there from {plan.table.default}" if rows else ""
        lines.append(
            f"create {plan.table.partition(month)}"
            f" ({month} to {month_start(month, 1)} UTC){moved}"
        )
    lines += [f"finish the detach of {name}" for name in plan.finalize]
    lines += [
        f"create {plan.table.partition(month)}, move {rows} rows there from"
        f" {plan.table.default} in batches"
        for month, rows in plan.mover.items()
    ]
    if plan.clear:
        lines.append(f"remove what a killed mover left ({plan.table.shadow})")
    lines += [f"drop {name}" for name in plan.drop]
    return lines + [f"drop the leftover {name}" for name in plan.discard]


def state_read(
    table: MonthlyTable, *, using: str = DEFAULT_DB_ALIAS, count: bool = True
) -> State:
    """Read the partitions, the strays and the leftovers of ``table``.

    Without ``count`` the safety net is not read, which may be large: no strays then.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT child.relname, inhdetachpending FROM pg_inherits"
            " JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass",
            [table.name],
        )
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition"
            " AND relnamespace = (SELECT relnamespace FROM pg_class"
            " WHERE oid = %s::regclass) AND relname ~ %s",
            [
                table.name,
                rf"^{table.name}_(\d{{4}}_\d{{2}}|default)_going(_\d+)?$",
            ],
        )
        leftovers = frozenset(name for (name,) in cursor.fetchall())
        cursor.execute(
            "SELECT to_regclass(quote_ident(%(shadow)s)) IS NOT NULL OR EXISTS (SELECT"
            " FROM pg_trigger WHERE tgname = 'btcw_mover'"
            " AND tgrelid = to_regclass(quote_ident(%(net)s)))",
            {"shadow": table.shadow, "net": table.default},
        )
        moving = cursor.fetchone() == (True,)
        return State(
            partitions=frozenset(name for name, _pending in rows),
            strays=_strays(cursor, table)
            if count and (table.default, False) in rows
            else {},
            pending=frozenset(name for name, pending in rows if pending),
            leftovers=leftovers,
            moving=moving,
        )


def _strays(cursor: CursorWrapper, table: MonthlyTable) -> dict[date, int]:
    # Beyond these years (or infinite) there is no month that could be made.
    text = sql.SQL(
        "SELECT date_trunc('month', {column} AT TIME ZONE 'UTC')::date, count(*)"
        " FROM {default}"
        " WHERE {column} >= '0001-01-01 00:00:00+00'"
        " AND {column} < '9999-12-01 00:00:00+00'"
        " GROUP BY 1 ORDER BY 1"
    )
    cursor.execute(
        text.format(
            column=sql.Identifier(table.column), default=sql.Identifier(table.default)
        )
    )
    return dict(cursor.fetchall())


def has_strays(table: MonthlyTable, *, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Tell whether the safety net of ``table`` holds a row."""
    with connections[using].cursor() as cursor:
        query = sql.SQL("SELECT FROM {} LIMIT 1")
        cursor.execute(query.format(sql.Identifier(table.default)))
        return cursor.fetchone() is not None


def apply(plan: Plan, *, using: str = DEFAULT_DB_ALIAS) -> Applied:
    """Create, each month in a transaction of its own, and only then drop."""
    created = months_ensure(plan.table, plan.create, using=using)
    dropped = [name for name in plan.drop if retire(plan.table, name, using=using)]
    return Applied(created, tuple(dropped))


def months_ensure(
    table: MonthlyTable, months: Iterable[date], *, using: str = DEFAULT_DB_ALIAS
) -> dict[date, int]:
    """Make the partitions of ``months`` that are missing; safe to call at any time.

    Returns the months that this very call made, with the number of rows that were
    moved there from the safety net; a month with more than DIRECT_ROWS rows there is
    left to the mover. Callers in other threads and processes wait for each other.
    Call it outside a transaction: then each month is committed at once.
    Raises PartitionError when the lock was not to be had.
    """
    wanted = {table.partition(month): month for month in map(month_start, months)}
    with connections[using].cursor() as cursor:
        there = _attached(cursor, table, list(wanted))
    made = {}
    for name in sorted(wanted.keys() - there):
        month = wanted[name]
        moved = called(table, "btcw_partition_create", month, DIRECT_ROWS, using=using)
        if moved is not None and moved >= 0:
            made[month] = moved
    return made


def retire(
    table: MonthlyTable,
    name: str,
    *,
    keep: bool = False,
    using: str = DEFAULT_DB_ALIAS,
) -> str:
    """Take the month ``name`` out of ``table``; return what it is called now.

    Detached in one short transaction. With ``keep`` it stays as a table of its own,
    else it is dropped in a second one: killed between the two, the next rotation drops
    it. Empty when it was no partition any more. Raises PartitionError when the lock was
    not to be had, or the month holds rows and is too new.
    """
    gone: str | None = called(
        table, "btcw_partition_detach", month_of(name), keep, using=using
    )
    if gone and not keep:
        discard(table, gone, using=using)
    return gone or ""


def discard(table: MonthlyTable, name: str, *, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Drop a table that was detached to go; False when it is gone already."""
    return bool(called(table, "btcw_partition_discard", name, using=using))


def clear(table: MonthlyTable, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Remove the shadow and the mirror that a killed mover has left."""
    called(table, "btcw_mover_clear", using=using)


def finalize(
    table: MonthlyTable, name: str, *, keep: bool, using: str = DEFAULT_DB_ALIAS
) -> str:
    """Complete the interrupted concurrent detach of the month ``name``."""
    gone: str | None = called(
        table, "btcw_partition_finalize", month_of(name), keep, using=using
    )
    if gone and not keep:
        discard(table, gone, using=using)
    return gone or ""


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


def called(
    table: MonthlyTable,
    function: str,
    *arguments: Any,
    using: str = DEFAULT_DB_ALIAS,
) -> Any:
    """Return what ``function`` of PostgreSQL answers for ``table``; locks are waited for.

    Raises PartitionError when a lock was not to be had, or PostgreSQL refused.
    """
    try:
        return with_patient_locks(using, partial(_call, function, table, arguments))
    except LockUnavailableError as error:
        raise PartitionError(
            f"The partitions of {table.name} could not be changed: its lock was {error}."
            " Look for a long transaction in pg_stat_activity, then run manage.py"
            " rotate_partitions."
        ) from error
    except DatabaseError as error:
        if connections[using].in_atomic_block:
            raise
        reason = str(error).partition("\n")[0]
        raise PartitionError(
            f"The partitions of {table.name} could not be changed ({function}): {reason}"
        ) from error


def _call(
    function: str,
    table: MonthlyTable,
    arguments: tuple[Any, ...],
    cursor: CursorWrapper,
) -> Any:
    marks = ", ".join(["%s"] * (len(arguments) + 1))
    cursor.execute(f"SELECT {function}({marks})", [table.name, *arguments])
    (answer,) = cursor.fetchone() or (None,)
    return answer
