"""Questions to PostgreSQL that never take long, and never leave a transaction broken."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from django.db.backends.utils import CursorWrapper
    from psycopg.sql import Composable

STATEMENT_TIMEOUT: Final = 3000
LOCK_TIMEOUT: Final = 1000


@contextmanager
def bounded(*, milliseconds: int = STATEMENT_TIMEOUT) -> Iterator[CursorWrapper]:
    """Give a cursor whose statements end after three seconds, or what is wanted."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
            " set_config('statement_timeout', %s, true),"
            " set_config('lock_timeout', %s, true)",
            [f"{milliseconds}ms", f"{LOCK_TIMEOUT}ms"],
        )
        before = (cursor.fetchone() or ("0", "0"))[:2]
        yield cursor
        # They would last as long as a transaction around this one.
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true),"
            " set_config('lock_timeout', %s, true)",
            before,
        )


def rows_read(
    query: str | Composable, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> list[dict[str, Any]]:
    """Return the rows of a query by the names of their columns."""
    with bounded() as cursor:
        # Without parameters a % in the statement is a plain character.
        cursor.execute(query, parameters or None)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
