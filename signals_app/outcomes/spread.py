"""How moves are spread, in one number that can be added up. Pure.

The moves are counted in 51 classes, finer near zero. The counts of a group are the
digits of one number: class k has the eight digits from 10^(8 k) on. So the sum of such
numbers holds the sums of the counts, and PostgreSQL adds up a year of days as fast as
it adds any number. A class takes up to 99,999,999 moves.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGITS: Final = 8
_HALF: Final = (
    *(0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5),
    *(2, 2.5, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50),
)
# Percent, between the classes: what is below the first is class 0.
EDGES: Final[tuple[float, ...]] = (
    *(-float(edge) for edge in reversed(_HALF)),
    0.0,
    *map(float, _HALF),
)
# Beyond the last edges: as far as a price can fall, and as far again upwards.
_FURTHEST: Final = 100.0
SPREAD_SQL: Final = (
    "coalesce(sum(power(10::numeric, {digits} * width_bucket({column}, ARRAY[{edges}]"
    "::double precision[]))) FILTER (WHERE {column} IS NOT NULL), 0)"
)


def spread_sql(column: str) -> str:
    """Return the SQL that adds up the moves of ``column``, one of ours."""
    edges = ",".join(map(str, EDGES))
    return SPREAD_SQL.format(digits=DIGITS, column=column, edges=edges)


def counts_of(spread: int) -> list[int]:
    """Return the counts of the classes, of which there is one more than edges."""
    base = 10**DIGITS
    return [spread // base**k % base for k in range(len(EDGES) + 1)]


def median_of(spread: int) -> float | None:
    """Return about where the middle move lies, in percent; None without moves.

    It is off by less than the width of its class, which is a quarter of the move or
    0.05 where moves are small.
    """
    counts = counts_of(spread)
    total = sum(counts)
    if not total:
        return None
    before = 0
    for (low, high), count in zip(_classes(), counts, strict=True):
        if before + count >= total / 2:
            return low + (high - low) * (total / 2 - before) / count
        before += count
    raise AssertionError


def _classes() -> Iterator[tuple[float, float]]:
    return pairwise((-_FURTHEST, *EDGES, _FURTHEST))
