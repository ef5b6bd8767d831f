"""Which signals people must be told of, from what the signals are. Pure.

Nothing here reads the system's own marks "quiet", "late" and "told".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from btc_watcher.lib.timeframes import duration
from tests.soak.troubles import near

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tests.soak.troubles import Trouble

LATE_CANDLES = 2
LEAST_STRENGTH = 20.0
# A bot that was given up for a while comes back after minutes, with what it missed.
EXCUSED_SECONDS = 600.0


class Fact(NamedTuple):
    """A stored signal: ``close`` and ``received`` are seconds since 1970."""

    identifier: str
    strategy: str
    exchange: str
    pair: str
    timeframe: str
    mark: str
    type: str
    strength: float
    close: float
    received: float

    @property
    def is_late(self) -> bool:
        """Tell whether it was stored more than two candles after its own."""
        seconds = duration(self.timeframe).total_seconds()
        return self.received - self.close > LATE_CANDLES * seconds


def to_be_told(facts: Iterable[Fact]) -> set[str]:
    """Return the ids of the signals that people must be told of.

    Those in time, of one direction, not too weak, and not the same mark as that of the
    candle before if people know of that one.
    """
    must: set[str] = set()
    # Of what people know, and since when.
    known: dict[tuple[object, ...], float] = {}
    for fact in sorted(facts, key=lambda f: (f.close, f.received)):
        series = fact[1:6]
        before = round(fact.close - duration(fact.timeframe).total_seconds(), 3)
        since = known.get((*series, before))
        again = since is not None and since <= fact.received
        if fact.type == "HOLD" or fact.is_late or fact.strength < LEAST_STRENGTH:
            tells = False
        else:
            tells = not again
        if tells:
            must.add(fact.identifier)
        if tells or again:
            known[*series, round(fact.close, 3)] = fact.received
    return must


def needlessly_late(
    facts: Iterable[Fact], troubles: Collection[Trouble], span: tuple[float, float]
) -> list[str]:
    """Return what was late, in words, although it closed in the span and nothing was wrong."""
    begin, end = span
    return [
        f"{fact.strategy} {fact.pair} {fact.mark} at"
        f" {datetime.fromtimestamp(fact.close, UTC):%H:%M}"
        f" came {fact.received - fact.close:.0f} s later"
        for fact in facts
        if begin <= fact.close <= end
        and fact.is_late
        and not near(troubles, None, fact.close - EXCUSED_SECONDS, fact.received)
    ]
