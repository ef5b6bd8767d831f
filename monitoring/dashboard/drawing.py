"""The signals of a day as a table and as bars by hour. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from signals_app.vocabulary import Level, SignalType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from signals_app.days import Day

# Units of the drawing: what buys take above the line, and sells below it.
HALF: Final = 28.0
STEP, WIDTH = 10, 7
# One signal in a busy day must be seen too.
SMALLEST: Final = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """A direction with how many signals each level has."""

    key: str
    label: str
    cells: tuple[tuple[str, int], ...]
    total: int


@dataclass(frozen=True, slots=True)
class Bar:
    """An hour: its place and the heights of its buys and sells; ``words`` say it."""

    x: int
    buy_y: float
    buy: float
    sell: float
    words: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a whole as a bar: ``x`` and ``width`` in percent."""

    key: str
    label: str
    count: int
    query: str
    x: float
    width: float


def lines_of(day: Day) -> list[Line]:
    """Return a line for each direction."""
    counts = day.by_kind()
    lines = []
    for kind in SignalType:
        cells = tuple((str(level), counts.get((kind, level), 0)) for level in Level)
        total = sum(count for _level, count in cells)
        lines.append(Line(str(kind), str(kind.label), cells, total))
    return lines


def bars_of(day: Day, until: datetime) -> list[Bar]:
    """Return the hours up to ``until``, scaled by the busiest."""
    counts = day.by_hour()
    most = max((c for (_h, kind), c in counts.items() if kind != "HOLD"), default=0)
    hours = int((until - day.since) / timedelta(hours=1)) + 1
    bars = []
    for hour in range(min(hours, 25)):
        buys, sells = counts.get((hour, "BUY"), 0), counts.get((hour, "SELL"), 0)
        height = _height(buys, most)
        bars.append(
            Bar(
                x=hour * STEP,
                buy_y=round(HALF - height, 1),
                buy=height,
                sell=_height(sells, most),
                words=_("%(hour)s: %(buys)d buy, %(sells)d sell")
                % {
                    "hour": (day.since + timedelta(hours=hour)).strftime("%H:%M"),
                    "buys": buys,
                    "sells": sells,
                },
            )
        )
    return bars


def segments_of(parts: Iterable[tuple[str, str, int, str]]) -> list[Segment]:
    """Return parts (key, label, count, query) as pieces of one bar; empty ones are left out."""
    known = [part for part in parts if part[2]]
    total = sum(part[2] for part in known)
    segments, x = [], 0.0
    for key, label, count, query in known:
        width = 100 * count / total
        segments.append(Segment(key, label, count, query, round(x, 2), round(width, 2)))
        x += width
    return segments


def _height(count: int, most: int) -> float:
    return round(max(SMALLEST, HALF * count / most), 1) if count else 0.0
