"""The candles that a worker has, and how much of them each strategy's own bot would have.

A bot's first frame is what one request gets, then it grows until it holds that many
candles and ``startup_candle_count`` more. Indicators such as EMA depend on where the
frame begins, so each strategy sees the frame that it would have had alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from freqtrade_mgmt.runner.order import first_open_ms, timeframe_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, KeysView

Key = tuple[str, str, Any]
_COPIES_ON_WRITE: Final = int(pd.__version__.partition(".")[0]) >= 3


@dataclass(frozen=True, slots=True)
class Stored:
    """Candles of one pair and timeframe, as the feeder's exchange has them.

    ``born_ms`` is when they were fetched as a whole, with ``calls`` requests of ``limit``
    candles each; ``keep`` is what a bot without startup candles keeps.
    """

    frame: Any
    born_ms: int
    calls: int
    limit: int
    keep: int
    # What strategies of one beginning and one number of candles see of it.
    cuts: dict[tuple[Any, int, int], Any] = field(default_factory=dict)


class View:
    """The candles of one strategy, which was loaded at ``since_ms``."""

    def __init__(
        self, stored: dict[Key, Stored], since_ms: int, now_ms: Callable[[], int]
    ) -> None:
        self._stored = stored
        self._since_ms = since_ms
        self._now_ms = now_ms
        self._begins: dict[Key, tuple[int, Any]] = {}
        self.startup = 0
        self.calls = 1

    def keys(self) -> KeysView[Key]:
        """Return what was looked at so far."""
        return self._begins.keys()

    def frame(self, key: Key) -> Any:
        """Return a frame that the caller may change; an empty one where there is none."""
        stored = self._stored.get(key)
        if stored is None:
            return pd.DataFrame()
        cut = (self._begin(key, stored), self.calls, self.startup)
        frame = stored.cuts.get(cut)
        if frame is None:
            frame = stored.cuts[cut] = self._cut(stored, cut[0])
        # Not to be distinguished from a copy of its own, where pandas copies on write.
        return frame.copy(deep=not _COPIES_ON_WRITE)

    def _cut(self, stored: Stored, begin: Any) -> Any:
        """Return the candles that it sees; not to be changed."""
        dates = stored.frame["date"]
        # Sorted and without gaps, as freqtrade keeps them.
        first = int(dates.searchsorted(begin))
        if len(dates) - first > stored.limit * self.calls:
            first = max(first, len(dates) - stored.keep - self.startup)
        return stored.frame.iloc[first:].reset_index(drop=True)

    def empty(self, key: Key) -> bool:
        """Tell whether there are no candles."""
        return key not in self._stored

    def _begin(self, key: Key, stored: Stored) -> Any:
        """Return the date of the first candle that the strategy's own bot would have."""
        known = self._begins.get(key)
        if known is not None and known[0] == stored.born_ms:
            return known[1]
        begin = stored.frame["date"].iloc[0]
        fetched_for_it = known is not None or stored.born_ms >= self._since_ms
        if not fetched_for_it or stored.calls != self.calls:
            oldest = first_open_ms(
                stored.born_ms if fetched_for_it else self._now_ms(),
                timeframe_seconds(key[1]) * 1000,
                stored.limit * self.calls,
            )
            begin = max(begin, pd.Timestamp(oldest, unit="ms", tz="UTC"))
        self._begins[key] = (stored.born_ms, begin)
        return begin


class SharedExchange:
    """The exchange as one strategy's data provider sees it: with its own candles.

    Everything else is the one exchange object of the worker.
    """

    def __init__(self, exchange: Any, view: View) -> None:
        self._shared = exchange
        self._view = view

    def __getattr__(self, name: str) -> Any:
        """Return what the exchange has."""
        return getattr(self._shared, name)

    @property
    def _klines(self) -> dict[Key, Any]:
        return {key: self._view.frame(key) for key in self._view.keys()}  # noqa: SIM118

    def klines(self, pair_interval: Key, copy: bool = True) -> Any:  # noqa: FBT001, FBT002 - freqtrade's
        """Return the candles of a pair and timeframe."""
        return self._view.frame(pair_interval)
