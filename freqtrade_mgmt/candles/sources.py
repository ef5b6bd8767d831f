"""Which bot can give the candles that are wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btc_watcher.lib.timeframes import length_ms
from freqtrade_mgmt.candles.resample import divides

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Source:
    """A strategy with what its bot watches; ``status`` is the strategy's."""

    strategy_id: int
    name: str
    status: str
    exchange: str
    pairs: tuple[str, ...]
    timeframe: str


def sources_ranked(
    sources: Iterable[Source], wanted: Source, pair: str, timeframe: str
) -> list[Source]:
    """Return who can give the candles, best first.

    The longest candles that fit come first, because they reach back furthest; among
    equals the wanted strategy's own bot, then the eldest.
    """
    fitting = [
        source
        for source in sources
        if source.exchange == wanted.exchange
        and pair in source.pairs
        and divides(source.timeframe, timeframe)
    ]
    return sorted(
        fitting,
        key=lambda source: (
            -length_ms(source.timeframe),
            source.strategy_id != wanted.strategy_id,
            source.strategy_id,
        ),
    )
