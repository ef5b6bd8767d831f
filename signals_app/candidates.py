"""What the intake takes: one mark that somebody saw, and what is wrong with it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import orjson

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
        return f"Type {candidate.signal_type!r} is unknown; use BUY, SELL or HOLD."
    try:
        duration(candidate.timeframe)
    except BtcWatcherError as error:
        return error.message
    return ""


def _length_problem(name: str, value: str | None, longest: int) -> str:
    if value is None and name == "strategy_version":
        return ""
    if not value:
        return f"{name} is empty; it is needed to tell signals apart."
    if len(value) > longest:
        return f"{name} {value!r} has {len(value)} characters; {longest} fit."
    if "\x00" in value:
        return f"{name} {value!r} holds a NUL character, which cannot be stored."
    return ""


def _time_problem(candidate: Candidate, now: datetime) -> str:
    moment = candidate.timestamp
    if moment.utcoffset() is None:
        return f"Time {moment.isoformat()} has no zone; write it with an offset or Z."
    if moment > now + FUTURE:
        return (
            f"Time {moment.isoformat()} is in the future; signals are marks on closed"
            f" candles, and it is {now.isoformat(timespec='seconds')} now."
        )
    if moment < now - PAST:
        return (
            f"Time {moment.isoformat()} is more than ten years ago; check whether it"
            " was given in seconds or in milliseconds."
        )
    return ""


def _number_problem(candidate: Candidate) -> str:
    price = candidate.price
    if not math.isfinite(price) or not 0 < price < HIGHEST_PRICE:
        return f"Price {price!r} is not a number above 0 and below 10^12."
    _, problem = strength_number(candidate.strength)
    return f"Strength cannot be used: {problem}." if problem else ""


def _payload_problem(candidate: Candidate) -> str:
    try:
        text = orjson.dumps([candidate.tag, candidate.indicators])
    except TypeError as error:
        return f"The tag or an indicator cannot be written as JSON: {error}."
    if rb"\u0000" in text:
        return "The tag or an indicator holds a NUL character, which cannot be stored."
    if len(text) > LARGEST_PAYLOAD:
        return f"The indicators take {len(text)} bytes; {LARGEST_PAYLOAD} are allowed."
    return ""
