"""Rows of PostgreSQL into a Parquet file, with pyarrow, which is not always installed."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INSTALL: Final = (
    ".venv/bin/python -m pip install --require-hashes -r requirements-parquet.txt"
)


class ParquetMissingError(Exception):
    """pyarrow is not installed."""


class ParquetSink:
    """Takes batches of rows; a column's type follows from PostgreSQL's.

    Identifiers and JSON are text, times are microseconds in UTC, numbers with a scale
    stay exact decimals.
    """

    def __init__(self, handle: BinaryIO, columns: Sequence[tuple[str, str]]) -> None:
        """``columns`` are (name, type) as PostgreSQL's format_type writes it.

        Raises ParquetMissingError.
        """
        try:
            self._arrow: Any = import_module("pyarrow")
            parquet: Any = import_module("pyarrow.parquet")
        except ImportError as error:
            raise ParquetMissingError(
                _(
                    "Parquet needs the library pyarrow, which is not part of the usual"
                    " installation. Install it with: %(command)s; or use --format csv."
                )
                % {"command": INSTALL}
            ) from error
        self._schema = self._arrow.schema(
            [(name, _type(self._arrow, kind)) for name, kind in columns]
        )
        self._writer = parquet.ParquetWriter(handle, self._schema, compression="zstd")
        self.selected = ", ".join(_selected(name, kind) for name, kind in columns)

    def take(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append ``rows``, with the columns in order."""
        arrays = [
            self._arrow.array(values, type=field.type)
            for field, values in zip(self._schema, zip(*rows, strict=True), strict=True)
        ]
        batch = self._arrow.record_batch(arrays, schema=self._schema)
        self._writer.write_batch(batch)

    def close(self) -> None:
        """Write the end of the file."""
        self._writer.close()


def _selected(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    return f"{quoted}::text" if kind in ("jsonb", "json", "uuid") else quoted


def _type(arrow: Any, kind: str) -> Any:
    if numeric := re.fullmatch(r"numeric\((\d+),(\d+)\)", kind):
        return arrow.decimal128(int(numeric[1]), int(numeric[2]))
    known: dict[str, Callable[[], Any]] = {
        "timestamp with time zone": lambda: arrow.timestamp("us", tz="UTC"),
        "boolean": arrow.bool_,
        "smallint": arrow.int16,
        "integer": arrow.int32,
        "bigint": arrow.int64,
        "double precision": arrow.float64,
        "text[]": lambda: arrow.list_(arrow.string()),
    }
    return known.get(kind, arrow.string)()
