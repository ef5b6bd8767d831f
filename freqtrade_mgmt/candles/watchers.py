"""Who watches what, as charts need it: one query, without any strategy's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.timeframes import length_ms
from freqtrade_mgmt.candles.sources import Source
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from collections.abc import Iterable


def watchers_all() -> list[Source]:
    """Return every strategy whose configuration names pairs and a timeframe, by name."""
    rows = (
        strategies_all()
        .order_by("name", "pk")
        .values_list(
            "pk",
            "name",
            "status",
            "config__exchange",
            "config__pairs",
            "config__timeframe",
        )
    )
    return list(_usable(rows))


def _usable(rows: Iterable[tuple[Any, ...]]) -> Iterable[Source]:
    for pk, name, status, exchange, pairs, timeframe in rows:
        if not isinstance(pairs, list) or not isinstance(exchange, str):
            continue
        try:
            length_ms(str(timeframe))
        except BtcWatcherError:
            continue
        named = tuple(str(pair) for pair in pairs)
        if named:
            yield Source(pk, name, status, exchange, named, str(timeframe))
