"""Everything that the page of the partitions shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils.translation import gettext_lazy

from btc_watcher.lib.partitions import (
    GAP_MONTHS,
    TABLES,
    MonthlyTable,
    month_start,
)
from monitoring.partitions import selectors
from monitoring.partitions.rotation import months_kept
from monitoring.partitions.selectors import PartitionFacts, partitions_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

FUTURE, CURRENT, KEPT, RETIRED = "future", "current", "kept", "retired"
DEFAULT, PENDING, GOING, DETACHED = "default", "pending", "going", "detached"
GAP, NONE = "gap", "none"
# What each state is called, and why a person should know.
STATES: Final[dict[str, tuple[Any, Any]]] = {
    FUTURE: (
        gettext_lazy("future"),
        gettext_lazy("Made before its month begins."),
    ),
    CURRENT: (gettext_lazy("current"), gettext_lazy("Rows of this month go here.")),
    KEPT: (gettext_lazy("kept"), gettext_lazy("Its month is over.")),
    RETIRED: (
        gettext_lazy("goes next"),
        gettext_lazy("Older than is kept; the next rotation takes it out."),
    ),
    DEFAULT: (
        gettext_lazy("safety net"),
        gettext_lazy("Takes the rows that no month takes. It should be empty."),
    ),
    PENDING: (
        gettext_lazy("half detached"),
        gettext_lazy("Its detach was interrupted; the next rotation finishes it."),
    ),
    GOING: (
        gettext_lazy("to be dropped"),
        gettext_lazy("Detached already; the next rotation drops it."),
    ),
    DETACHED: (
        gettext_lazy("kept apart"),
        gettext_lazy("Taken out and kept as a table of its own, which nothing reads."),
    ),
    GAP: (
        gettext_lazy("gap"),
        gettext_lazy("Rows of it go to the safety net until the next rotation."),
    ),
    NONE: (
        gettext_lazy("none"),
        gettext_lazy("Nothing was stored in that time; a row would make its month."),
    ),
}
# The newest of these are shown at once, the others on demand.
SHOWN_LINES: Final = 15
STRIP_MONTHS: Final = 36
STRIP_HEIGHT: Final = 40


@dataclass(frozen=True, slots=True)
class Line:
    """A partition, or months without one: then there are no ``facts``."""

    state: str
    first: date | None
    end: date | None
    facts: PartitionFacts | None = None

    @property
    def label(self) -> Any:
        """The word for the state."""
        return STATES[self.state][0]

    @property
    def why(self) -> Any:
        """What the state means."""
        return STATES[self.state][1]

    @property
    def rows(self) -> int:
        """The rows, as far as they are known."""
        return (self.facts.rows or 0) if self.facts else 0

    @property
    def months(self) -> list[date]:
        """The months that it spans."""
        found: list[date] = []
        month = self.first
        while month and self.end and month < self.end:
            found.append(month)
            month = month_start(month, 1)
        return found


@dataclass(frozen=True, slots=True)
class Bar:
    """A month of the strip: where it stands, and how high it is, in units of it."""

    line: Line
    month: date
    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Going:
    """A month that retention takes out, and on which day (UTC) at the earliest."""

    line: Line
    day: date
    is_now: bool


@dataclass(slots=True)
class TableShown:
    """One table: ``lines`` newest first, the safety net and what is detached last."""

    name: str
    column: str
    months_ahead: int
    months_kept: int | None
    lines: list[Line]
    going: list[Going] = field(default_factory=list)
    strays: int = 0

    @property
    def first_lines(self) -> list[Line]:
        """What is shown at once."""
        return self.lines[:SHOWN_LINES]

    @property
    def older_lines(self) -> list[Line]:
        """What is shown on demand."""
        return self.lines[SHOWN_LINES:]

    @property
    def bars(self) -> list[Bar]:
        """The strip: the height says how many rows there are beside the fullest."""
        apart = {DEFAULT, DETACHED, GOING}
        lines = [line for line in reversed(self.lines) if line.state not in apart]
        months = [(month, line) for line in lines for month in line.months]
        shown = months[-STRIP_MONTHS:]
        most = max((line.rows for _month, line in shown), default=0) or 1
        return [
            Bar(line, month, 12 * place + 1, STRIP_HEIGHT - height, height)
            for place, (month, line) in enumerate(shown)
            for height in [_height(line, most)]
        ]

    @property
    def gaps(self) -> int:
        """How many months have no partition and ought to have one."""
        return sum(len(line.months) for line in self.lines if line.state == GAP)

    @property
    def partitions(self) -> int:
        """How many partitions the table has."""
        return sum(1 for line in self._own)

    @property
    def rows(self) -> int:
        """The rows of all, about."""
        return sum(line.rows for line in self._own)

    @property
    def size(self) -> int:
        """Bytes of all, with indexes."""
        return sum(line.facts.bytes for line in self._own if line.facts)

    @property
    def _own(self) -> list[Line]:
        apart = {GAP, NONE, DETACHED, GOING}
        return [line for line in self.lines if line.state not in apart]


def tables_shown(now: datetime, strays: Mapping[str, int]) -> list[TableShown]:
    """Return every monthly table; ``strays`` are the rows of the safety nets, by table.

    Raises ConfigurationError for a PARTITION_MONTHS_KEPT without sense.
    """
    facts = partitions_list(now)
    kept = months_kept()
    return [
        _table(
            table,
            [fact for fact in facts if fact.table == table.name],
            kept.get(table.name),
            now,
            strays.get(table.name, 0),
        )
        for table in TABLES
    ]


def keeps_detached() -> bool:
    """Whether months that are no longer kept stay as tables of their own."""
    return bool(settings.PARTITION_KEEP_DETACHED)


def _table(
    table: MonthlyTable,
    facts: Sequence[PartitionFacts],
    kept: int | None,
    now: datetime,
    strays: int,
) -> TableShown:
    lines = [
        Line(_state(fact, kept, now), fact.first, fact.end, fact) for fact in facts
    ]
    months = [line for line in lines if line.facts and _is_month(line)]
    others = [line for line in lines if not _is_month(line)]
    months += _gaps(months, kept, now)
    months.sort(key=lambda line: str(line.first), reverse=True)
    others.sort(key=lambda line: (line.state != DEFAULT, str(line.first)))
    return TableShown(
        name=table.name,
        column=table.column,
        months_ahead=table.months_ahead,
        months_kept=kept,
        # What should be empty, or gone, is looked for at the top.
        lines=[*others, *months],
        going=_going(months, kept, now),
        strays=strays,
    )


def _is_month(line: Line) -> bool:
    return line.state not in {DEFAULT, DETACHED, GOING} and line.first is not None


def _state(fact: PartitionFacts, kept: int | None, now: datetime) -> str:
    plain = {
        selectors.AHEAD: FUTURE,
        selectors.DEFAULT: DEFAULT,
        selectors.PENDING: PENDING,
        selectors.KEPT: DETACHED,
        selectors.GOING: GOING,
    }
    if fact.state in plain:
        return plain[fact.state]
    if fact.first == month_start(now):
        return CURRENT
    if kept is not None and fact.first and fact.first < month_start(now, -kept):
        return RETIRED
    return KEPT


def _gaps(months: Sequence[Line], kept: int | None, now: datetime) -> list[Line]:
    """Return the months between others that have no partition.

    Those that a rotation fills are shown one by one, older ones together.
    """
    there = sorted({line.first for line in months if line.first})
    back = GAP_MONTHS if kept is None else min(GAP_MONTHS, kept)
    filled = month_start(now, -back)
    gaps: list[Line] = []
    for before, following in pairwise(there):
        month = month_start(before, 1)
        if month < filled and month < following:
            end = min(filled, following)
            gaps.append(Line(NONE, month, end))
            month = end
        while month < following:
            gaps.append(Line(GAP, month, month_start(month, 1)))
            month = month_start(month, 1)
    return gaps


def _going(months: Sequence[Line], kept: int | None, now: datetime) -> list[Going]:
    """Return what retention takes out at once, else what it takes out next."""
    old = [line for line in months if line.facts and line.state == RETIRED]
    if old:
        return [Going(line, month_start(now), is_now=True) for line in reversed(old)]
    over = [line for line in months if line.facts and line.state == KEPT]
    if kept is None:
        return []
    coming = [line for line in months if line.state == CURRENT and line.facts]
    oldest = min(over or coming, key=lambda line: str(line.first), default=None)
    if oldest is None or oldest.first is None:
        return []
    return [Going(oldest, month_start(oldest.first, kept + 1), is_now=False)]


def _height(line: Line, most: int) -> int:
    if line.state in {GAP, NONE}:
        return STRIP_HEIGHT
    share = round(line.rows * STRIP_HEIGHT / most)
    return max(share, 3) if line.rows else 2
