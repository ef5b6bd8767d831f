"""How fast something grows, by least squares over several lives of a process. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOUR = 3600.0
# Fewer points, or a shorter time, say more about the noise than about the growth.
FEWEST_POINTS = 12


class Point(NamedTuple):
    """One measurement: seconds of any one clock, and the value."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth in units an hour, and its standard error.

    ``seconds`` is how long all lives together were watched, ``lives`` how many there
    were, ``points`` how many measurements; ``last`` and ``highest`` are values.
    """

    per_hour: float
    error: float
    seconds: float
    lives: int
    points: int
    last: float
    highest: float

    @property
    def surely(self) -> float:
        """The growth an hour that is there even if the noise helped it."""
        return self.per_hour - 2 * self.error


def slope(lives: Mapping[Any, Sequence[Point]], warm_up: float) -> Slope | None:
    """Return the common slope of all lives, each with a level of its own.

    The first ``warm_up`` seconds of each life are left out. None when too little is left.
    """
    kept = [_after(points, warm_up) for points in lives.values() if points]
    kept = [points for points in kept if len(points) > 1]
    count = sum(len(points) for points in kept)
    free = count - len(kept) - 1
    if count < FEWEST_POINTS or free < 1:
        return None
    times, values = _centred(kept)
    spread = math.fsum(t * t for t in times)
    if not spread:
        return None
    per_second = math.fsum(t * v for t, v in zip(times, values, strict=True)) / spread
    rest = math.fsum(
        (v - per_second * t) ** 2 for t, v in zip(times, values, strict=True)
    )
    return Slope(
        per_hour=per_second * HOUR,
        error=math.sqrt(rest / free / spread) * HOUR,
        seconds=math.fsum(points[-1].at - points[0].at for points in kept),
        lives=len(kept),
        points=count,
        last=kept[-1][-1].value,
        highest=max(point.value for points in kept for point in points),
    )


def _after(points: Sequence[Point], warm_up: float) -> list[Point]:
    return [point for point in points if point.at - points[0].at >= warm_up]


def _centred(lives: Sequence[Sequence[Point]]) -> tuple[list[float], list[float]]:
    times: list[float] = []
    values: list[float] = []
    for points in lives:
        middle = math.fsum(point.at for point in points) / len(points)
        level = math.fsum(point.value for point in points) / len(points)
        times += [point.at - middle for point in points]
        values += [point.value - level for point in points]
    return times, values
