"""What the intake takes: one mark that somebody saw, and what is wrong with it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.timeframes import duration
from signals_app.grading import Thresholds, strength_number
from signals_app.identity import Meaning, signal_id, strategy_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

LONGEST: Final = {
    "strategy_name": 100,
    "strategy_version": 20,
    "pair": 20,
    "exchange": 50,
    "timeframe": 10,
}
TYPES: Final = ("BUY", "SELL", "HOLD")
# Clocks differ a little; a candle that closes later than this has not closed.
FUTURE: Final = timedelta(minutes=1)
# Nobody back-fills further; seconds taken for milliseconds land in 1970.
PAST: Final = timedelta(days=3653)
HIGHEST_PRICE: Final = 10**12
LATE_CANDLES: Final = 2
LARGEST_PAYLOAD: Final = 64 * 1024


@dataclass(frozen=True)
class Candidate:
    """A signal as it was seen, before it is known whether it is new.

    ``timestamp`` is the close of the candle, aware. ``mark`` is a freqtrade
    mark, several joined by ``+`` where they contradict each other, or the type
    for signals that others post. ``source`` is live, backfill or api.
    """

    strategy_id: int | None
    strategy_name: str
    strategy_version: str | None
    exchange: str
    pair: str
    timeframe: str
    mark: str
    signal_type: str
    timestamp: datetime
    price: float
    strength: float
    strength_source: str
    source: str
    thresholds: Thresholds = field(default_factory=Thresholds)
    tag: str | None = None
    indicators: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notify_every: int | None = None

    @property
    def meaning(self) -> Meaning:
        """What makes this signal the same as another one."""
        return Meaning(
            strategy_key(self.strategy_id, self.strategy_name),
            self.exchange,
            self.pair,
            self.timeframe,
            self.mark,
        )

    @cached_property
    def identifier(self) -> UUID:
        """The signal's id."""
        return signal_id(self.meaning, self.timestamp)

    @cached_property
    def previous(self) -> UUID:
        """The id that the same mark had one candle earlier."""
        return signal_id(self.meaning, self.previous_timestamp)

    @property
    def previous_timestamp(self) -> datetime:
        """The close of the candle before this one."""
        return self.timestamp - duration(self.timeframe)

    def is_late(self, now: datetime) -> bool:
        """Tell whether the candle is too old to act on."""
        return now - self.timestamp > LATE_CANDLES * duration(self.timeframe)


def candidate_problem(candidate: Candidate, now: datetime) -> str:
    """Return why a candidate cannot be stored, or an empty string."""
    return (
        _text_problem(candidate)
        or _time_problem(candidate, now)
        or _number_problem(candidate)
        or _payload_problem(candidate)
    )


def _text_problem(candidate: Candidate) -> str:
    for name, longest in LONGEST.items():
        if problem := _length_problem(name, getattr(candidate, name), longest):
            return problem
    if candidate.signal_type not in TYPES:
        words = _("Type %(type)r is unknown; use BUY, SELL or HOLD.")
        return words % {"type": candidate.signal_type}
    try:
        duration(candidate.timeframe)
    except BtcWatcherError as error:
        return error.message
    return ""


def _length_problem(name: str, value: str | None, longest: int) -> str:
    if value is None and name == "strategy_version":
        return ""
    facts = {"name": name, "value": value}
    if not value:
        return _("%(name)s is empty; it is needed to tell signals apart.") % facts
    if len(value) > longest:
        words = _("%(name)s %(value)r has %(length)d characters; %(longest)d fit.")
        return words % (facts | {"length": len(value), "longest": longest})
    if "\x00" in value:
        words = _("%(name)s %(value)r holds a NUL character, which cannot be stored.")
        return words % facts
    return ""


def _time_problem(candidate: Candidate, now: datetime) -> str:
    moment = candidate.timestamp
    if moment.utcoffset() is None:
        words = _("Time %(time)s has no zone; write it with an offset or Z.")
        return words % {"time": moment.isoformat()}
    if moment > now + FUTURE:
        words = _(
            "Time %(time)s is in the future; signals are marks on closed candles, and"
            " it is %(now)s now."
        )
        return words % {
            "time": moment.isoformat(),
            "now": now.isoformat(timespec="seconds"),
        }
    if moment < now - PAST:
        words = _(
            "Time %(time)s is more than ten years ago; check whether it was given in"
            " seconds or in milliseconds."
        )
        return words % {"time": moment.isoformat()}
    return ""


def _number_problem(candidate: Candidate) -> str:
    price = candidate.price
    if not math.isfinite(price) or not 0 < price < HIGHEST_PRICE:
        words = _("Price %(price)r is not a number above 0 and below 10^12.")
        return words % {"price": price}
    _number, problem = strength_number(candidate.strength)
    if problem:
        words = _("Strength %(strength)s is outside 0 to 100.")
        return words % {"strength": f"{candidate.strength:g}"}
    return ""


def _payload_problem(candidate: Candidate) -> str:
    try:
        text = orjson.dumps([candidate.tag, candidate.indicators])
    except TypeError as error:
        words = _("The tag or an indicator cannot be written as JSON: %(error)s.")
        return words % {"error": error}
    if rb"\u0000" in text:
        return _(
            "The tag or an indicator holds a NUL character, which cannot be stored."
        )
    if len(text) > LARGEST_PAYLOAD:
        words = _("The indicators take %(bytes)d bytes; %(most)d are allowed.")
        return words % {"bytes": len(text), "most": LARGEST_PAYLOAD}
    return ""
