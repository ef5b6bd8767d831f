"""Series of a period as the page draws them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from monitoring.metrics.reading import series_read
from monitoring.metrics.shapes import (
    API,
    CPU,
    DATABASE,
    DISK,
    FREQTRADE,
    HOST,
    MEMORY,
    NETWORK,
    REDIS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from django_stubs_ext import StrOrPromise

    from monitoring.metrics.reading import Points


@dataclass(frozen=True, slots=True)
class Range:
    """A period that can be chosen, drawn in spans of ``width`` seconds."""

    key: str
    label: StrOrPromise
    length: timedelta
    width: int
    hourly: bool = False


RANGES: Final = (
    Range("hour", gettext_lazy("Hour"), timedelta(hours=1), 30),
    Range("day", gettext_lazy("Day"), timedelta(days=1), 300),
    Range("week", gettext_lazy("Week"), timedelta(days=7), 3600, hourly=True),
    Range("month", gettext_lazy("Month"), timedelta(days=30), 4 * 3600, hourly=True),
    Range("year", gettext_lazy("Year"), timedelta(days=365), 24 * 3600, hourly=True),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a series of one component, summed over hosts unless ``by_host``."""

    component: str
    metric_type: str
    name: str
    label: StrOrPromise
    colour: str
    by_host: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing: lines of one unit."""

    key: str
    title: StrOrPromise
    unit: StrOrPromise
    lines: tuple[Line, ...]


# Component, its name on the page, its colour.
NAMES: Final = (
    (API, gettext_lazy("Web and API"), "one"),
    ("worker", gettext_lazy("Workers"), "two"),
    (FREQTRADE, "freqtrade", "three"),
    (DATABASE, "PostgreSQL", "four"),
    (REDIS, "Redis", "five"),
    ("supervisor", gettext_lazy("Supervisor"), "six"),
    ("beat", gettext_lazy("Schedule"), "seven"),
)


def _components(kind: str, name: str) -> tuple[Line, ...]:
    return tuple(
        Line(component, kind, name, label, colour) for component, label, colour in NAMES
    )


CHARTS: Final = (
    Chart(
        "machine",
        gettext_lazy("Machine"),
        "%",
        (
            Line(HOST, CPU, "cpu", gettext_lazy("CPU"), "one", by_host=True),
            Line(HOST, MEMORY, "used", gettext_lazy("Memory"), "two", by_host=True),
            Line(HOST, DISK, "used", gettext_lazy("Disk"), "three", by_host=True),
        ),
    ),
    Chart(
        "traffic",
        gettext_lazy("Network of the machine"),
        "MB/s",
        (
            Line(
                HOST, NETWORK, "received", gettext_lazy("incoming"), "one", by_host=True
            ),
            Line(HOST, NETWORK, "sent", gettext_lazy("outgoing"), "two", by_host=True),
        ),
    ),
    Chart("cpu", gettext_lazy("CPU (one core is 100 %)"), "%", _components(CPU, "cpu")),
    Chart("memory", gettext_lazy("Memory"), "MB", _components(MEMORY, "memory")),
    Chart(
        "io", gettext_lazy("Disk, read and written"), "MB/s", _components(DISK, "io")
    ),
    Chart(
        "sockets",
        gettext_lazy("Open connections"),
        "",
        _components(NETWORK, "sockets"),
    ),
    Chart(
        "answer",
        gettext_lazy("Time to answer"),
        "ms",
        (
            Line(DATABASE, NETWORK, "answer", "PostgreSQL", "four"),
            Line(REDIS, NETWORK, "answer", "Redis", "five"),
        ),
    ),
    Chart(
        "work",
        gettext_lazy("Work of the servers"),
        gettext_lazy("/s"),
        (
            Line(DATABASE, CPU, "transactions", gettext_lazy("transactions"), "four"),
            Line(REDIS, CPU, "commands", gettext_lazy("Redis commands"), "five"),
        ),
    ),
)


def range_of(text: str) -> Range:
    """Return the range that is asked for, the first one by default."""
    return next((each for each in RANGES if each.key == text), RANGES[0])


def charts_data(wanted: Range, now: datetime | None = None) -> dict[str, Any]:
    """Return what the page's script draws, ready for JSON."""
    until = now or timezone.now()
    since = until - wanted.length
    points = series_read(since, until, wanted.width, hourly=wanted.hourly)
    moments = moments_of(points, wanted.width)
    return {
        "from": round(since.timestamp()),
        "to": round(until.timestamp()),
        "at": moments,
        "charts": [_chart(chart, points, moments) for chart in CHARTS],
        "language": get_language() or "en",
        "zone": timezone.get_current_timezone_name(),
        "words": {"time": _("time")},
    }


def moments_of(points: Points, width: int) -> list[int]:
    """Return all moments in order, with one in every hole, where lines are cut. Pure."""
    seen = sorted({at for series in points.values() for at in series})
    found: list[int] = []
    for at in seen:
        if found and at - found[-1] > 3 * width:
            found.append(found[-1] + width)
        found.append(at)
    return found


def _chart(chart: Chart, points: Points, moments: Sequence[int]) -> dict[str, Any]:
    lines = [line for each in chart.lines for line in _lines(each, points, moments)]
    return {
        "key": chart.key,
        "title": str(chart.title),
        "unit": str(chart.unit),
        "lines": lines,
    }


def _lines(
    line: Line, points: Points, moments: Sequence[int]
) -> Iterator[dict[str, Any]]:
    same = {
        series: values
        for series, values in points.items()
        if (series.component, series.metric_type, series.name)
        == (line.component, line.metric_type, line.name)
    }
    label = str(line.label)
    if not line.by_host:
        if same:
            yield _drawn(label, line.colour, summed(same.values()), moments)
        return
    several = len(same) > 1
    for series, values in sorted(same.items(), key=lambda pair: pair[0].host):
        named = f"{label} · {series.host}" if several else label
        yield _drawn(named, line.colour, values, moments)


def summed(all_values: Iterable[Mapping[int, float]]) -> dict[int, float]:
    """Return the sum of several hosts, moment by moment. Pure."""
    total: dict[int, float] = {}
    for values in all_values:
        for at, value in values.items():
            total[at] = total.get(at, 0.0) + value
    return total


def _drawn(
    label: str, colour: str, values: Mapping[int, float], moments: Sequence[int]
) -> dict[str, Any]:
    numbers = [values.get(at) for at in moments]
    return {
        "label": label,
        "colour": colour,
        "values": [None if each is None else round(each, 4) for each in numbers],
    }
