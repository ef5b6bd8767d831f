"""What the live page shows: a filter that stands in its address. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode

from btc_watcher.lib.timeframes import candle_seconds
from signals_app.selectors import DEFAULT_WINDOW, SignalFilter
from signals_app.vocabulary import Level, Priority, SignalType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

LONGEST: Final = 100
# Of a part of a pair's name and of a number there is no index, so a search for them
# goes through the signals one by one: a week of them, not a month.
SEARCHED: Final = timedelta(days=7)
TIMEFRAMES: Final = (
    "1m",
    "3m",
    "5m",
    "15m",
    "30m",
    "1h",
    "2h",
    "4h",
    "12h",
    "1d",
    "1w",
)


@dataclass(frozen=True, slots=True)
class LiveFilter:
    """What is shown; empty texts and a ``strength`` of 0 mean all.

    ``strategy`` is a name, ``pair`` a part of one, or a whole one with a ``/`` as in the
    history; ``strength`` is the least, 0 to 100. What arrives is judged by filters.js.
    """

    strategy: str = ""
    pair: str = ""
    type: str = ""
    level: str = ""
    priority: str = ""
    timeframe: str = ""
    strength: int = 0

    @classmethod
    def read(cls, query: Mapping[str, str]) -> LiveFilter:
        """Read a query; what makes no sense is as if it was not there."""
        timeframe = query.get("timeframe", "")
        return cls(
            strategy=_text(query.get("strategy", "")),
            pair=_text(query.get("pair", "")),
            type=_one_of(query.get("type", ""), SignalType.values),
            level=_one_of(query.get("level", ""), Level.values),
            priority=_one_of(query.get("priority", ""), Priority.values),
            timeframe=timeframe if candle_seconds(timeframe) else "",
            strength=_strength(query.get("strength", "")),
        )

    @property
    def given(self) -> dict[str, Any]:
        """What is asked for, by the names of the fields."""
        return {key: value for key, value in asdict(self).items() if value}

    def query(self) -> str:
        """Return the query of this filter, such as ``?level=strong``; empty for all."""
        return f"?{urlencode(self.given)}" if self.given else ""

    def wanted(self, now: datetime) -> SignalFilter:
        """Return what the selectors are asked for."""
        whole = "/" in self.pair
        searched = (self.pair and not whole) or self.strength
        window = SEARCHED if searched else DEFAULT_WINDOW
        return SignalFilter(
            since=now - window,
            until=now + timedelta(minutes=2),
            strategy_names=(self.strategy,) if self.strategy else (),
            pair=self.pair if whole else "",
            pair_part="" if whole else self.pair,
            type=self.type,
            level=self.level,
            priority=self.priority,
            timeframe=self.timeframe,
            least_strength=self.strength,
        )


def live_query(query: str) -> str | None:
    """Return a filter of the history as the live page's, None when it cannot show it.

    The period does not matter: the live page shows what is new.
    """
    given = parse_qs(query)
    given.pop("period", None)
    if "strength_from" in given:
        given["strength"] = given.pop("strength_from")
    plain = {name: values[0] for name, values in given.items() if len(values) == 1}
    found = LiveFilter.read(plain)
    return found.query() if found.given.keys() == given.keys() else None


def with_chosen(known: Iterable[str], chosen: str) -> list[str]:
    """Return what a field offers, with what is chosen even when it is not known."""
    found = list(known)
    return found if not chosen or chosen in found else [chosen, *found]


def _text(text: str) -> str:
    return text.replace("\x00", "").strip()[:LONGEST]


def _one_of(text: str, known: list[str]) -> str:
    return text if text in known else ""


def _strength(text: str) -> int:
    short = text.isascii() and text.isdecimal() and len(text) < 4
    return min(100, int(text)) if short else 0
