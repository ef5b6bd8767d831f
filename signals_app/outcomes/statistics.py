"""How often signals were right: by strategy and level, direction or pair.

Few outcomes are read row by row, so their medians are exact. Many are added up from the
sums of their days, which is as fast for a year as for a week; their medians are read
from classes (``outcomes.spread``) and are about right. A pair is looked at within one
strategy, whose rows an index finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib import replica
from signals_app.outcomes.judging import HORIZONS
from signals_app.outcomes.questions import FROM_DAYS, FROM_ROWS, HOW_MANY, narrowed
from signals_app.outcomes.spread import median_of
from signals_app.outcomes.wilson import interval
from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

LEVEL, DIRECTION, PAIR = "level", "direction", "pair"
GROUPS: Final = (LEVEL, DIRECTION, PAIR)
# Outcomes that are read row by row; it takes some tens of milliseconds.
ROWS: Final = 20_000
ORDER: Final = ("strong", "medium", "weak", "BUY", "SELL")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsFilter:
    """Which outcomes: UTC days, ``since`` included and ``until`` not; the rest may be "".

    ``strategy`` is a number or a name, ``kind`` entry or exit.
    """

    since: date
    until: date
    strategy: str = ""
    level: str = ""
    direction: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How signals did after so many candles: shares from 0 to 1, moves in percent.

    ``low`` and ``high`` are Wilson's 95 % interval of ``rate``. Without any signal all
    but ``count`` and ``right`` are None.
    """

    count: int
    right: int
    rate: float | None
    low: float | None
    high: float | None
    mean: float | None
    median: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy and one level, direction or pair (``key``), or all strategies."""

    strategy_id: int | None
    strategy: str
    key: str
    signals: int
    unknown: int
    horizons: dict[int, Horizon]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Rows by strategy and key, ``total`` by key; ``exact`` says that medians are."""

    rows: list[Row]
    total: list[Row]
    exact: bool


def statistics_read(wanted: StatisticsFilter, by: str) -> Statistics:
    """Return the statistics; by pair only of a strategy (ValueError without one)."""
    if by == PAIR and not wanted.strategy:
        message = "Statistics by pair need a strategy: the pairs of all are too many."
        raise ValueError(message)
    if by not in GROUPS:
        message = f"{by!r} is no grouping; use {', '.join(GROUPS)}."
        raise ValueError(message)
    return replica.read(lambda alias: _read(wanted, by, alias))


def _read(wanted: StatisticsFilter, by: str, alias: str) -> Statistics:
    strategies = _strategies(wanted.strategy, alias)
    if by != PAIR:
        ((count,),) = narrowed(HOW_MANY, wanted, by, strategies, alias)
        if count > ROWS:
            found = narrowed(FROM_DAYS, wanted, by, strategies, alias)
            return _statistics(found, alias, exact=False)
    found = narrowed(FROM_ROWS, wanted, by, strategies, alias)
    return _statistics(found, alias, exact=True)


def _strategies(wanted: str, alias: str) -> list[int] | None:
    """Return the numbers of the strategies that are wanted, None for all."""
    if not wanted:
        return None
    if wanted.isascii() and wanted.isdecimal():
        return [min(int(wanted), 2**31 - 1)]
    known = Strategy.objects.using(alias).filter(name=wanted)
    return list(known.values_list("pk", flat=True))


def _statistics(
    found: Sequence[tuple[Any, ...]], alias: str, *, exact: bool
) -> Statistics:
    ids = {row[1] for row in found if row[1]}
    known = Strategy.objects.using(alias).filter(pk__in=ids)
    names = dict(known.values_list("pk", "name"))
    rows = [_row(row, names, exact=exact) for row in found]
    single = [row for row, raw in zip(rows, found, strict=True) if not raw[0]]
    total = [row for row, raw in zip(rows, found, strict=True) if raw[0]]
    return Statistics(_sorted(single), _sorted(total), exact)


def _row(raw: tuple[Any, ...], names: dict[int, str], *, exact: bool) -> Row:
    _is_total, strategy_id, name, key, signals, unknown, *figures = raw
    parts = [figures[place : place + 4] for place in range(0, len(figures), 4)]
    return Row(
        strategy_id=strategy_id or None,
        strategy=names.get(strategy_id, name or ""),
        key=key,
        signals=int(signals),
        unknown=int(unknown),
        horizons={
            horizon: _horizon(*part, exact=exact)
            for horizon, part in zip(HORIZONS, parts, strict=True)
        },
    )


def _horizon(
    count: int, right: int, total: float, middle: Any, *, exact: bool
) -> Horizon:
    count, right = int(count), int(right)
    bounds = interval(right, count)
    if bounds is None:
        return Horizon(0, 0, None, None, None, None, None)
    median = middle if exact else median_of(int(middle))
    return Horizon(
        count=count,
        right=right,
        rate=right / count,
        low=bounds[0],
        high=bounds[1],
        mean=round(total / count, 4),
        median=None if median is None else round(median, 4),
    )


def _sorted(rows: Iterable[Row]) -> list[Row]:
    def place(row: Row) -> tuple[str, int, int, str]:
        known = ORDER.index(row.key) if row.key in ORDER else len(ORDER)
        return row.strategy.casefold(), row.strategy_id or 0, known, row.key

    return sorted(rows, key=place)
