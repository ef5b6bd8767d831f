"""Rows of a range of time into a file: CSV, or Parquet where pyarrow is installed.

Signals, their outcomes, and what people did with them. One snapshot of the database,
read partition by partition, so that memory does not grow with the rows. The file appears
under its name when it is complete.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

from django.db import DatabaseError, connections, transaction
from django.utils.translation import gettext as _
from psycopg import sql

from btc_watcher.lib import replica
from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.partitions import OUTCOMES, SIGNALS, MonthlyTable, month_start
from btc_watcher.lib.spreadsheets import FORMULA_SIGNS
from monitoring.partitions.parquet import ParquetMissingError, ParquetSink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

FORMATS: Final = ("csv", "csv-raw", "parquet")
# The last has no partitions: people take or skip only so many signals.
TABLES: Final = {
    "signals": SIGNALS,
    "outcomes": OUTCOMES,
    "choices": MonthlyTable("signal_choices", "timestamp"),
}
TOLD_ROWS: Final = 10_000
# The sign that stands last is a hyphen, which means itself there.
FORMULA: Final = f"^[{FORMULA_SIGNS}]"
TEXT_KINDS: Final = ("text", "character varying", "character")
# Whatever the server, the database or the role says of itself.
SESSION: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = '60s'",
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL timezone = 'UTC'",
)


class ExportError(BtcWatcherError):
    """Nothing was exported; there is no file."""


class Told(Protocol):
    """Hears of the progress: rows so far, rows expected, the partition being read."""

    def __call__(self, *, rows: int, expected: int, partition: str) -> None:
        """Show it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: ``rows``, ``bytes`` of the file, and the tables read."""

    path: str
    rows: int
    bytes: int
    partitions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rows of ``table`` with ``begin`` <= time < ``end``, in the database ``alias``."""

    table: MonthlyTable
    begin: datetime
    end: datetime
    alias: str = replica.PRIMARY

    @property
    def connection(self) -> Any:
        """Where they are read."""
        return connections[self.alias]

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
    A replica that has all of it is read; when it breaks off, the primary from the
    beginning. In ``csv`` an apostrophe stands before text that a spreadsheet would run
    as a formula; ``csv-raw`` is what is stored. Raises ExportError for a table, a
    range, a format or a file that makes no sense, when pyarrow is missing, and when the
    database breaks off.
    """
    asked = _wanted(table, begin, end, form)
    _path_check(path)
    raw = form == "csv-raw"
    write = _write_parquet if form == "parquet" else partial(_write_csv, raw=raw)

    def written(alias: str) -> tuple[int, list[str]]:
        wanted = replace(asked, alias=alias)
        with _snapshot(wanted), _complete_or_absent(path) as handle:
            parts = _touched(wanted)
            count = _Count(told, _expected(wanted))
            return write(wanted, parts, handle, count), parts

    try:
        rows, parts = replica.read_whole(written)
    except ParquetMissingError as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        words = _("The database broke off: %(reason)s. Try again.")
        raise ExportError(words % {"reason": reason}) from error
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
        words = _("%(table)r cannot be exported; use %(tables)s.")
        raise ExportError(words % {"table": table, "tables": ", ".join(TABLES)})
    if form not in FORMATS:
        words = _("The format is %(format)r; use %(formats)s.")
        raise ExportError(words % {"format": form, "formats": ", ".join(FORMATS)})
    if begin >= end:
        words = _(
            "The range from %(begin)s to %(end)s is empty; the end must be later than"
            " the beginning."
        )
        facts = {"begin": f"{begin:%Y-%m-%d %H:%M}", "end": f"{end:%Y-%m-%d %H:%M}"}
        raise ExportError(words % facts)
    return Wanted(TABLES[table], begin, end)


def _path_check(path: Path) -> None:
    """Refuse what is no file: a device would be replaced, not written to."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            words = _("%(path)s is there and is no ordinary file. Name a new file.")
            raise ExportError(words % {"path": path})
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ExportError:
    words = _("%(path)s could not be written: %(error)s.")
    return ExportError(words % {"path": path, "error": error})


@contextmanager
def _snapshot(wanted: Wanted) -> Iterator[None]:
    """Read one state of the database, however long it takes.

    The lock comes before the first look: a month that a rotation drops, and a safety
    net that the mover puts in the place of another, would hold rows that are not seen.
    """
    lock = sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE")
    with (
        transaction.atomic(using=wanted.alias),
        # COPY and named cursors are psycopg's own, and so are their errors.
        wanted.connection.wrap_database_errors,
        wanted.connection.cursor() as cursor,
    ):
        for text in SESSION:
            cursor.execute(text)
        cursor.execute(lock.format(sql.Identifier(wanted.table.name)))
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
    """Return the partitions that the range touches: months, then all others.

    A partition that somebody has named otherwise may hold rows of any time. A table
    that has none is read as a whole.
    """
    with wanted.connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits"
            " JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = %s::regclass"
            " AND NOT inhdetachpending ORDER BY relname",
            [wanted.table.name],
        )
        names = [name for (name,) in cursor.fetchall()] or [wanted.table.name]
    months = {name: wanted.table.month_in(name) for name in names}
    first, last = month_start(wanted.begin), month_start(wanted.end)
    ours = [n for n, month in months.items() if month and first <= month <= last]
    return ours + [name for name, month in months.items() if month is None]


def _expected(wanted: Wanted) -> int:
    with wanted.connection.cursor() as cursor:
        query = wanted.query(wanted.table.name)
        cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + query)
        row: Any = cursor.fetchone()
    return int(row[0][0]["Plan"]["Plan Rows"])


def _write_csv(
    wanted: Wanted, parts: list[str], handle: BinaryIO, count: _Count, *, raw: bool
) -> int:
    columns = "*" if raw else ", ".join(_harmless(*each) for each in _columns(wanted))
    for number, name in enumerate(parts):
        header = "true" if number == 0 else "false"
        text = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER " + header + ")")
        count.add(0, name)
        query = text.format(wanted.query(name, columns))
        # Each message of COPY is one row; the first may be the header.
        with wanted.connection.cursor() as cursor, cursor.copy(query) as copy:
            for place, line in enumerate(copy):
                handle.write(line)
                count.add(0 if number == place == 0 else 1, name)
    return count.rows


def _columns(wanted: Wanted) -> list[tuple[str, str]]:
    """Return the columns in order, with PostgreSQL's names of their types."""
    with wanted.connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " ORDER BY attnum",
            [wanted.table.name],
        )
        columns: list[tuple[str, str]] = cursor.fetchall()
        return columns


def _harmless(name: str, kind: str) -> str:
    """Return the column, with an apostrophe before what looks like a formula."""
    column = sql.Identifier(name).as_string(None)
    if kind.partition("(")[0] not in TEXT_KINDS:
        return column
    text = sql.SQL("CASE WHEN {0} ~ {1} THEN {2} || {0} ELSE {0} END AS {0}")
    return text.format(
        sql.Identifier(name), sql.Literal(FORMULA), sql.Literal("'")
    ).as_string(None)


def _write_parquet(
    wanted: Wanted, parts: list[str], handle: BinaryIO, count: _Count
) -> int:
    sink = ParquetSink(handle, _columns(wanted))
    raw: Any = wanted.connection.connection
    for name in parts:
        count.add(0, name)
        with raw.cursor(name="btcw_export") as rows:
            rows.execute(wanted.query(name, sink.selected))
            while batch := rows.fetchmany(TOLD_ROWS):
                sink.take(batch)
                count.add(len(batch), name)
    sink.close()
    return count.rows
