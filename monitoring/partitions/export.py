"""Signals of a range of time into a file: CSV, or Parquet where pyarrow is installed.

One snapshot of the database, read partition by partition, so that memory does not grow
with the rows. The file appears under its name when it is complete.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

from django.db import connection, transaction
from psycopg import sql

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.partitions import SIGNALS
from monitoring.partitions.parquet import ParquetMissingError, ParquetSink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from btc_watcher.lib.partitions import MonthlyTable

FORMATS: Final = ("csv", "parquet")
TABLES: Final = {"signals": SIGNALS}
TOLD_ROWS: Final = 10_000


class ExportError(BtcWatcherError):
    """Nothing was exported; there is no file."""


class Told(Protocol):
    """Hears of the progress: rows so far, rows expected, the partition being read."""

    def __call__(self, *, rows: int, expected: int, partition: str) -> None:
        """Show it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: ``rows``, ``bytes`` of the file, and the partitions read."""

    path: str
    rows: int
    bytes: int
    partitions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rows of ``table`` with ``begin`` <= time < ``end``."""

    table: MonthlyTable
    begin: datetime
    end: datetime

    def query(self, partition: str, columns: str = "*") -> sql.Composed:
        """Return the query of the rows in one partition, in the order of time."""
        text = sql.SQL(
            "SELECT {} FROM {} WHERE {column} >= {} AND {column} < {}"
            " ORDER BY {column}, id"
        )
        return text.format(
            sql.SQL(columns),
            sql.Identifier(partition),
            sql.Literal(self.begin.isoformat()),
            sql.Literal(self.end.isoformat()),
            column=sql.Identifier(self.table.column),
        )


def rows_export(
    *,
    table: str,
    begin: datetime,
    end: datetime,
    path: Path,
    form: str = "csv",
    told: Told | None = None,
) -> Exported:
    """Write the rows with ``begin`` <= time < ``end`` (aware times) to ``path``.

    The months follow each other in time, what lies in the safety net comes last.
    Raises ExportError for a table, a range or a format that makes no sense, and when
    pyarrow is missing.
    """
    wanted = _wanted(table, begin, end, form)
    write = _write_parquet if form == "parquet" else _write_csv
    try:
        with _snapshot(), _complete_or_absent(path) as handle:
            parts = _touched(wanted)
            rows = write(wanted, parts, handle, _Count(told, _expected(wanted)))
    except ParquetMissingError as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        raise ExportError(f"{path} could not be written: {error}.") from error
    return Exported(str(path), rows, path.stat().st_size, tuple(parts))


class _Count:
    """Counts rows and tells now and then."""

    def __init__(self, told: Told | None, expected: int) -> None:
        self._told = told
        self._expected = expected
        self.rows = 0

    def add(self, rows: int, partition: str) -> None:
        before = self.rows // TOLD_ROWS
        self.rows += rows
        if self._told is not None and (not rows or self.rows // TOLD_ROWS > before):
            expected = max(self._expected, self.rows)
            self._told(rows=self.rows, expected=expected, partition=partition)


def _wanted(table: str, begin: datetime, end: datetime, form: str) -> Wanted:
    if table not in TABLES:
        raise ExportError(f"{table!r} cannot be exported; use {', '.join(TABLES)}.")
    if form not in FORMATS:
        raise ExportError(f"The format is {form!r}; use {' or '.join(FORMATS)}.")
    if begin >= end:
        raise ExportError(
            f"The range from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is empty;"
            " the end must be later than the beginning."
        )
    return Wanted(TABLES[table], begin, end)


@contextmanager
def _snapshot() -> Iterator[None]:
    """Read one state of the database, however long it takes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        yield


@contextmanager
def _complete_or_absent(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the name ``path`` when everything went well."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as handle:
            yield handle
        Path(name).replace(path)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _touched(wanted: Wanted) -> list[str]:
    """Return the partitions that the range touches, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits"
            " JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = %s::regclass"
            " AND NOT inhdetachpending ORDER BY relname",
            [wanted.table.name],
        )
        first = wanted.table.partition(wanted.begin.date().replace(day=1))
        last = wanted.table.partition(wanted.end.date().replace(day=1))
        names = [name for (name,) in cursor.fetchall()]
    return [n for n in names if first <= n <= last or n == wanted.table.default]


def _expected(wanted: Wanted) -> int:
    with connection.cursor() as cursor:
        query = wanted.query(wanted.table.name)
        cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + query)
        row: Any = cursor.fetchone()
    return int(row[0][0]["Plan"]["Plan Rows"])


def _write_csv(
    wanted: Wanted, parts: list[str], handle: BinaryIO, count: _Count
) -> int:
    for number, name in enumerate(parts):
        header = "true" if number == 0 else "false"
        text = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER " + header + ")")
        count.add(0, name)
        query = text.format(wanted.query(name))
        # Each message of COPY is one row; the first may be the header.
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            for place, line in enumerate(copy):
                handle.write(line)
                count.add(0 if number == place == 0 else 1, name)
    return count.rows


def _write_parquet(
    wanted: Wanted, parts: list[str], handle: BinaryIO, count: _Count
) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " ORDER BY attnum",
            [wanted.table.name],
        )
        sink = ParquetSink(handle, cursor.fetchall())
    raw: Any = connection.connection
    for name in parts:
        count.add(0, name)
        with raw.cursor(name="btcw_export") as rows:
            rows.execute(wanted.query(name, sink.selected))
            while batch := rows.fetchmany(TOLD_ROWS):
                sink.take(batch)
                count.add(len(batch), name)
    sink.close()
    return count.rows
