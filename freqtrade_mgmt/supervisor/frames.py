"""From what a bot sends to candles, and from candles to candidates. Pure.

A bot tells of an analysed candle twice: as a message (``analyzed_df``, one row,
numbers rounded to ten decimals) and on request (``pair_candles``, the whole
frame). Both give columns and rows; dates are the open of the candle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from btc_watcher.lib.timeframes import duration
from signals_app.candidates import Candidate
from signals_app.grading import (
    MARKS,
    StrengthRule,
    Thresholds,
    direction,
    strength_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_INDICATORS: Final = frozenset(
    (
        *("date", "open", "high", "low", "close", "volume"),
        *("enter_tag", "exit_tag", "__date_ts"),
        *MARKS,
    )
)
INDICATORS_KEPT: Final = 60
TEXT_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class Watched:
    """A strategy as the collector needs it."""

    strategy_id: int
    name: str
    version: str
    exchange: str
    timeframe: str
    thresholds: Thresholds = field(default_factory=Thresholds)
    strength: StrengthRule = field(default_factory=StrengthRule)
    notify_every: int | None = None
    startup_candles: int = 0

    @property
    def candle_ms(self) -> int:
        """Length of a candle in milliseconds."""
        return int(duration(self.timeframe).total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Candle:
    """One analysed candle: its open time in ms since 1970, and all its columns."""

    pair: str
    open_ms: int
    row: Mapping[str, Any]


class FrameError(Exception):
    """A frame cannot be read; the message says what is missing."""


def message_candles(text: str | bytes, timeframe: str) -> list[Candle]:
    """Return the candles of a WebSocket message; none when it is of another type.

    Raises FrameError when an ``analyzed_df`` message lacks something.
    """
    message = orjson.loads(text)
    if not isinstance(message, dict) or message.get("type") != "analyzed_df":
        return []
    try:
        pair, message_timeframe, _ = message["data"]["key"]
        frame = orjson.loads(message["data"]["df"]["__value__"])
        columns, rows = frame["columns"], frame["data"]
    except (KeyError, TypeError, ValueError) as error:
        raise FrameError(f"An analyzed_df message lacks {error}.") from error
    if message_timeframe != timeframe:
        return []
    return frame_candles(pair, columns, rows)


def frame_candles(
    pair: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[Candle]:
    """Return the candles of a frame, in order of time."""
    candles = []
    for values in rows:
        row = dict(zip(columns, values, strict=False))
        try:
            candles.append(Candle(pair, _open_ms(row["date"]), row))
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(
                f"A candle of {pair} has no usable date column: {error}."
            ) from error
    candles.sort(key=lambda candle: candle.open_ms)
    return candles


def candle_candidates(candle: Candle, watched: Watched, source: str) -> list[Candidate]:
    """Return what a candle's marks mean: usually nothing, or one candidate.

    Marks that contradict each other are one HOLD. Raises FrameError when the
    candle has marks but no price.
    """
    # "Not set" comes as null, absent or 0; only 1 is a mark.
    marks = [mark for mark in MARKS if candle.row.get(mark) == 1]
    if not marks:
        return []
    signal_type = direction(marks)
    named = ["+".join(marks)] if signal_type == "HOLD" else marks
    return [_candidate(candle, watched, mark, signal_type, source) for mark in named]


def _candidate(
    candle: Candle, watched: Watched, mark: str, signal_type: str, source: str
) -> Candidate:
    row = candle.row
    price = row.get("close")
    if not isinstance(price, int | float):
        raise FrameError(
            f"The candle of {candle.pair} at {_moment(candle.open_ms).isoformat()} has"
            f" the mark {mark} but its close is {price!r}; it was not stored."
        )
    tag = _tag(row, mark)
    strength = strength_of(row, tag, watched.strength)
    return Candidate(
        strategy_id=watched.strategy_id,
        strategy_name=watched.name,
        strategy_version=watched.version,
        exchange=watched.exchange,
        pair=candle.pair,
        timeframe=watched.timeframe,
        mark=mark,
        signal_type=signal_type,
        timestamp=_moment(candle.open_ms) + duration(watched.timeframe),
        price=float(price),
        strength=strength.value,
        strength_source=strength.source,
        source=source,
        thresholds=watched.thresholds,
        tag=tag,
        indicators=_indicators(row),
        problems=strength.problems,
        notify_every=watched.notify_every,
    )


def _tag(row: Mapping[str, Any], mark: str) -> str | None:
    value = row.get("enter_tag" if mark.startswith("enter") else "exit_tag")
    return value[:TEXT_KEPT] if isinstance(value, str) and value else None


def _indicators(row: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in row.items():
        if name in NOT_INDICATORS or name.startswith("_") or value is None:
            continue
        kept[name] = value[:TEXT_KEPT] if isinstance(value, str) else value
        if len(kept) == INDICATORS_KEPT:
            break
    return kept


def _open_ms(value: object) -> int:
    if isinstance(value, int | float):
        return int(value)
    moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _moment(stamp: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=stamp)
