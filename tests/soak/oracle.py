"""Every mark that had to be produced, from the candles alone, and what became of it.

Candles are a pure function of seed, symbol and minute, and the rules are ours, so
nothing here asks a bot, a queue or the database what it believes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from freqtrade_mgmt.simulator.market import INTERVALS_MS
from tests.soak.grades import Grade, grade_of
from tests.soak.rules import Bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from freqtrade_mgmt.simulator.market import Market
    from tests.soak.rules import Marks
    from tests.soak.strategies import Soaked

# Candles that a rule sees before the first one that counts.
WARM_UP = 400
PRICE_TOLERANCE = 1e-8
_ORDER = ("enter_long", "exit_long")


class Mark(NamedTuple):
    """One mark: ``close_ms`` is when its candle closed."""

    strategy: str
    pair: str
    timeframe: str
    close_ms: int
    mark: str

    def told(self) -> str:
        """Return it in words."""
        moment = datetime.fromtimestamp(self.close_ms / 1000, UTC)
        return f"{self.strategy} {self.pair} {self.mark} at {moment:%Y-%m-%d %H:%M}"


class Stored(NamedTuple):
    """A row of the table of signals."""

    identifier: str
    mark: Mark
    price: float
    grade: Grade


class Window(NamedTuple):
    """The closes (ms, both included) in which no mark may be missing."""

    first_ms: int
    last_ms: int


@dataclass(slots=True)
class Verdict:
    """What is wrong with what was stored; all empty when nothing is."""

    wanted: int = 0
    undecided: int = 0
    missing: list[Mark] = field(default_factory=list)
    doubled: list[Mark] = field(default_factory=list)
    invented: list[Mark] = field(default_factory=list)
    mispriced: list[Mark] = field(default_factory=list)
    misgraded: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Tell whether every mark is there once, as it had to be, and no other."""
        return not (
            self.missing
            or self.doubled
            or self.invented
            or self.mispriced
            or self.misgraded
        )


def bars_of(
    market: Market, pair: str, timeframe: str, first_ms: int, last_ms: int
) -> list[Bar]:
    """Return the candles of a pair that open from ``first_ms`` to ``last_ms``."""
    interval = INTERVALS_MS[timeframe]
    symbol = pair.replace("/", "")
    scale = 10 ** market.pairs[symbol].decimals
    candles = market.candles(symbol, interval, first_ms, last_ms, last_ms + interval)
    return [
        Bar(c.time, c.open / scale, c.high / scale, c.low / scale, c.close / scale)
        for c in candles
    ]


class Oracle:
    """Knows the marks of some strategies on one market."""

    def __init__(self, market: Market, strategies: Sequence[Soaked]) -> None:
        self._market = market
        self.strategies = tuple(strategies)

    def judge(self, window: Window, stored: Sequence[Stored]) -> Verdict:
        """Compare what is stored with what had to be, in the window.

        Outside of the window nothing is missed, but what is stored there must be a mark.
        """
        verdict = Verdict()
        counted = Counter(row.mark for row in stored)
        verdict.doubled = sorted(mark for mark, count in counted.items() if count > 1)
        rows = {row.mark: row for row in stored}
        for strategy in self.strategies:
            for pair in strategy.pairs:
                mine = {
                    mark: row
                    for mark, row in rows.items()
                    if (mark.strategy, mark.pair) == (strategy.name, pair)
                }
                self._judge_pair(verdict, strategy, pair, window, mine)
        known = {(s.name, pair) for s in self.strategies for pair in s.pairs}
        verdict.invented += sorted(
            mark for mark in rows if (mark.strategy, mark.pair) not in known
        )
        return verdict

    def wanted(self, strategy: Soaked, pair: str, close_ms: int) -> set[Mark]:
        """Return what the candle that closed then had to produce."""
        found = self._decided(strategy, pair, close_ms, close_ms)
        names = [joined(marks) for _bar, marks, _close in found if marks]
        return {
            Mark(strategy.name, pair, strategy.timeframe, close_ms, name)
            for name in names
        }

    def _judge_pair(
        self,
        verdict: Verdict,
        strategy: Soaked,
        pair: str,
        window: Window,
        stored: dict[Mark, Stored],
    ) -> None:
        closes = [mark.close_ms for mark in stored]
        first = min([window.first_ms, *closes])
        last = max([window.last_ms, *closes])
        left = dict(stored)
        for bar, marks, close_ms in self._decided(strategy, pair, first, last):
            required = window.first_ms <= close_ms <= window.last_ms
            if marks is None:
                verdict.undecided += required
                for mark in possible(strategy, pair, close_ms):
                    left.pop(mark, None)
                continue
            name = joined(marks)
            if not name:
                continue
            mark = Mark(strategy.name, pair, strategy.timeframe, close_ms, name)
            row = left.pop(mark, None)
            verdict.wanted += required
            if row is not None:
                _judge_row(verdict, strategy, bar, row)
            elif required:
                verdict.missing.append(mark)
        verdict.invented += sorted(left)

    def _decided(
        self, strategy: Soaked, pair: str, first_close: int, last_close: int
    ) -> Iterable[tuple[Bar, Marks | None, int]]:
        interval = INTERVALS_MS[strategy.timeframe]
        begin = first_close - (WARM_UP + 1) * interval
        bars = bars_of(
            self._market, pair, strategy.timeframe, begin, last_close - interval
        )
        for bar, marks in zip(bars, strategy.rule(bars), strict=True):
            close_ms = bar.open_ms + interval
            if close_ms >= first_close:
                yield bar, marks, close_ms


def _judge_row(verdict: Verdict, strategy: Soaked, bar: Bar, row: Stored) -> None:
    if abs(row.price - bar.close) > PRICE_TOLERANCE:
        verdict.mispriced.append(row.mark)
    # Where the strength is not ours to compute, level and priority must follow from it.
    strength = strategy.strength(bar) if strategy.strength else row.grade.strength
    grade = grade_of(row.mark.mark, strength)
    if row.grade != grade:
        verdict.misgraded.append(
            f"{row.mark.told()} is {row.grade.told()}, not {grade.told()}"
        )


def joined(marks: Marks) -> str:
    """Return the name under which marks of one candle are stored; "" for none."""
    return "+".join(name for name in _ORDER if name in marks)


def possible(strategy: Soaked, pair: str, close_ms: int) -> list[Mark]:
    """Return every mark that a candle could have."""
    names = (*_ORDER, "+".join(_ORDER))
    return [
        Mark(strategy.name, pair, strategy.timeframe, close_ms, name) for name in names
    ]
