"""COPY: rows by the thousand, stored by the server while the next ones are made.

The server takes half the time for them that it takes for the same rows as JSON. COPY
knows no ON CONFLICT and returns nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import LiteralString

NULL: Final = r"\N"
_ESCAPED: Final = str.maketrans(
    {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\b": r"\b", "\f": r"\f"}
)


@contextmanager
def copying(
    sql: LiteralString, *, using: str = DEFAULT_DB_ALIAS
) -> Iterator[Callable[[Iterable[str]], None]]:
    """Yield what takes lines of a ``COPY … FROM STDIN`` in the current transaction.

    Write often and in small parts: what does not fit into the socket is sent with the
    next part. The rows are stored when the context ends. Raises Django's database
    errors; nothing else can be asked of the connection meanwhile.
    """
    connection = connections[using]
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
        cursor.copy(sql) as copy,
    ):
        yield lambda lines: copy.write("".join(lines))


def text_field(value: str | None) -> str:
    """Return a text as a field of a line."""
    if value is None:
        return NULL
    # Nearly every text is plain, and looking is cheaper than a translation.
    if value.isprintable() and "\\" not in value:
        return value
    return value.translate(_ESCAPED)


def json_field(text: str) -> str:
    """Return JSON as a field of a line: it has no control characters of its own."""
    return text.replace("\\", "\\\\")
