"""What a system that makes no mistake has stored: for the tests of the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.soak.grades import grade_of
from tests.soak.oracle import Mark, Stored, Window, bars_of, joined
from tests.soak.rules import MINUTE_MS
from tests.soak.strategies import SOAKED

if TYPE_CHECKING:
    from freqtrade_mgmt.simulator.market import Market

# Where the strength is the strategy's secret.
ANY_STRENGTH = 50.0
# What rules see before the first candle that counts, more than the oracle takes.
SEEN_BEFORE = 500


def perfect(market: Market, window: Window) -> list[Stored]:
    """Return every mark of the window, each with an id of its own."""
    rows: list[Stored] = []
    for strategy in SOAKED:
        for pair in strategy.pairs:
            first = window.first_ms - SEEN_BEFORE * MINUTE_MS
            bars = bars_of(market, pair, "1m", first, window.last_ms - MINUTE_MS)
            for bar, marks in zip(bars, strategy.rule(bars), strict=True):
                close_ms = bar.open_ms + MINUTE_MS
                if marks and close_ms >= window.first_ms:
                    mark = Mark(strategy.name, pair, "1m", close_ms, joined(marks))
                    known = strategy.strength
                    grade = grade_of(mark.mark, known(bar) if known else ANY_STRENGTH)
                    rows.append(Stored(str(len(rows)), mark, bar.close, grade))
    return rows
