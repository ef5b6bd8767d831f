"""DETACH PARTITION … CONCURRENTLY, for a monthly table without a DEFAULT partition.

PostgreSQL (15 to 18) refuses it beside a DEFAULT partition, inside a function and
inside a transaction. So it is for the owner's own connection, and for tables without a
safety net. Interrupted it leaves the month pending: neither read nor written. FINALIZE
completes that, beside a DEFAULT partition too.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from psycopg import errors, sql

from btc_watcher.lib import patient_locks
from btc_watcher.lib.partitions import PartitionError, discard, state_read

if TYPE_CHECKING:
    from btc_watcher.lib.partitions import MonthlyTable, State

ATTEMPTS: Final = 5
PAUSE_SECONDS: Final = 0.5


def may_detach_concurrently(
    table: MonthlyTable, state: State, *, using: str = DEFAULT_DB_ALIAS
) -> bool:
    """Tell whether ``table`` has no safety net and the current role may alter it."""
    if table.default in state.partitions or connections[using].in_atomic_block:
        return False
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class"
            " WHERE oid = %s::regclass",
            [table.name],
        )
        return bool(cursor.fetchone() == (True,))


def retire_concurrently(
    table: MonthlyTable, name: str, *, keep: bool, using: str = DEFAULT_DB_ALIAS
) -> str:
    """Detach ``name`` while others read and write; return what it is called now.

    Each attempt waits briefly for others; one that was interrupted is finished by the
    next. Raises PartitionError when none succeeded.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        try:
            return _attempt(table, name, keep, using)
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
    raise PartitionError(
        f"{name} could not be detached: transactions that may see it did not end. Look"
        " for a long one in pg_stat_activity; manage.py rotate_partitions finishes it."
    )


def _attempt(
    table: MonthlyTable,
    name: str,
    keep: bool,  # noqa: FBT001 - private
    using: str,
) -> str:
    state = state_read(table, using=using)
    way = "FINALIZE" if name in state.pending else "CONCURRENTLY"
    parts = {
        "parent": sql.Identifier(table.name),
        "child": sql.Identifier(name),
        "way": sql.SQL(way),
    }
    detach = sql.SQL("ALTER TABLE {parent} DETACH PARTITION {child} {way}")
    with connections[using].cursor() as cursor:
        if name in state.partitions:
            timeout = patient_locks.LOCK_TIMEOUT
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [timeout])
            try:
                cursor.execute(detach.format(**parts))
            finally:
                cursor.execute("RESET lock_timeout")
        with transaction.atomic(using=using):
            ending = "kept" if keep else "going"
            cursor.execute("SELECT btcw_partition_release(%s, %s)", [name, ending])
            (gone,) = cursor.fetchone() or ("",)
    if not keep:
        discard(table, gone, using=using)
    return str(gone)
