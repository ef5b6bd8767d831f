"""Whether an older freqtrade can still open a database that a newer one changed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type, and whether every new row has to name a value for it."""

    type: str
    needed: bool = False


def obstacle(
    before: Mapping[str, Mapping[str, Column]],
    after: Mapping[str, Mapping[str, Column]],
) -> str:
    """Return what keeps the old release from a database, by table.column, or "".

    ``before`` is the schema that it made itself. It names its columns, so others do not
    disturb it, unless a new row cannot be written without them.
    """
    for table, columns in before.items():
        now = after.get(table)
        if now is None:
            return table
        for name, column in columns.items():
            if name not in now or now[name].type != column.type:
                return f"{table}.{name}"
        for name in now.keys() - columns.keys():
            if now[name].needed:
                return f"{table}.{name}"
    return ""
