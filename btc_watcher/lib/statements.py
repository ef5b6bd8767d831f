"""Statements of our own that are run again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import LiteralString


def rows_of(
    sql: LiteralString,
    parameters: Sequence[Any] | Mapping[str, Any],
    *,
    using: str = DEFAULT_DB_ALIAS,
) -> list[tuple[Any, ...]]:
    """Run a statement in the current transaction and return its rows.

    It is parsed once a connection and its parameters travel beside it. Django's own
    cursors write them into the text, which for a candle close is megabytes to quote.
    Raises Django's database errors.
    """
    connection = connections[using]
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
    ):
        cursor.execute(sql, parameters, prepare=True)
        return cursor.fetchall()
