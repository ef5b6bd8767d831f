"""What spreadsheets make of a file's cells."""

from __future__ import annotations

from typing import Final

# A spreadsheet takes a cell that begins with one of these for a formula, and runs it.
FORMULA_SIGNS: Final = "=+@\t\r\n＝＋－＠-"  # noqa: RUF001 - the wide ones are meant
