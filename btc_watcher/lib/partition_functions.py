"""The functions inside PostgreSQL that make, move and retire monthly partitions.

They run with the rights of their owner, so that a role without DDL can keep the
partitions. A change of the SQL, or of ``partitions.TABLES``, needs a migration that
calls ``install`` again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.backends.base.base import BaseDatabaseWrapper

    from btc_watcher.lib.partitions import MonthlyTable

FILES: Final = ("partition_functions.sql", "partition_mover.sql")
# What may be called by the application; the others are parts of these.
CALLABLE: Final = (
    "btcw_partition_create(text, date, bigint)",
    "btcw_partition_detach(text, date, boolean)",
    "btcw_partition_finalize(text, date, boolean)",
    "btcw_partition_discard(text, text)",
    "btcw_mover_clear(text)",
    "btcw_mover_start(text, date[])",
    "btcw_mover_copy(text, text, text, integer)",
    "btcw_mover_finish(text)",
)
PARTS: Final = (
    "btcw_monthly_column(text)",
    "btcw_month_name(text, date)",
    "btcw_month_bounds(date)",
    "btcw_partition_attached(text, text)",
    "btcw_partition_turn(text)",
    "btcw_strays(text, date, bigint)",
    "btcw_partition_release(text, text)",
    "btcw_partition_old_or_empty(text, date)",
    "btcw_mover_mirror()",
)


def install(connection: BaseDatabaseWrapper, tables: Iterable[MonthlyTable]) -> None:
    """Make or replace the functions in the schema that new tables go to.

    Nobody but the owner may call them until ``manage.py setup_roles`` says so.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (schema,) = cursor.fetchone() or ("public",)
        quoted = sql.Identifier(schema).as_string(None)
        pairs = ", ".join(
            sql.SQL("({}, {})").format(table.name, table.column).as_string(None)
            for table in tables
        )
        for name in FILES:
            text = Path(__file__).with_name(name).read_text(encoding="utf-8")
            cursor.execute(text.replace("@schema@", quoted).replace("@tables@", pairs))
        for function in (*CALLABLE, *PARTS):
            cursor.execute(f"REVOKE ALL ON FUNCTION {quoted}.{function} FROM PUBLIC")
