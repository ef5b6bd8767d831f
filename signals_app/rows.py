"""From candidates to rows and events: streaks, grades, reasons for silence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from btc_watcher.lib.timeframes import duration
from signals_app.grading import HOLD, Grade, grade

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from signals_app.candidates import Candidate

PRICE_DECIMALS = 8


class Streak(NamedTuple):
    """How many candles a mark has lasted, and whether people were told of it."""

    length: int
    told: bool


NO_STREAK: Final = Streak(0, told=False)


@dataclass(frozen=True, slots=True)
class Row:
    """A signal that is ready to be stored.

    ``id_text`` is the identifier as everybody writes it. ``quiet`` says why nobody is notified: hold, late, weak or streak; it is
    empty when people are.
    """

    identifier: UUID
    id_text: str
    candidate: Candidate
    grade: Grade
    metadata: dict[str, Any]
    quiet: str

    def event(self) -> dict[str, Any]:
        """Return the signal as pages, messages and the API show it."""
        candidate = self.candidate
        return {
            "id": self.id_text,
            "timestamp": moment_text(candidate.timestamp),
            "strategy_id": candidate.strategy_id,
            "strategy_name": candidate.strategy_name,
            "strategy_version": candidate.strategy_version,
            "pair": candidate.pair,
            "exchange": candidate.exchange,
            "timeframe": candidate.timeframe,
            "signal_type": candidate.signal_type,
            "strength_raw": round(candidate.strength, 4),
            "strength_level": self.grade.level,
            "priority": self.grade.priority,
            "price": price_text(candidate.price),
            "indicators": candidate.indicators,
            "metadata": self.metadata,
        }


def price_text(price: float) -> str:
    """Return a price with the eight decimals that are stored, without idle zeros."""
    text = f"{price:.{PRICE_DECIMALS}f}".rstrip("0")
    return text.removesuffix(".") or "0"


@lru_cache(maxsize=1024)
def moment_text(moment: datetime) -> str:
    """Return an aware moment as ISO 8601 in UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def rows_build(
    candidates: Sequence[Candidate],
    stored_streaks: Mapping[UUID, Streak],
    now: datetime,
) -> list[Row]:
    """Grade candidates and count their streaks.

    ``candidates`` are in order of time; ``stored_streaks`` holds the streaks of
    those signals one candle earlier that are in the database already.
    """
    streaks = dict(stored_streaks)
    rows: dict[UUID, Row] = {}
    for candidate in candidates:
        identifier = candidate.identifier
        if identifier in rows:
            continue
        before = streaks.get(candidate.previous, NO_STREAK)
        row = _row(identifier, candidate, before, now)
        streaks[identifier] = Streak(before.length + 1, before.told or not row.quiet)
        rows[identifier] = row
    return list(rows.values())


def _row(identifier: UUID, candidate: Candidate, before: Streak, now: datetime) -> Row:
    graded = grade(candidate.strength, candidate.thresholds)
    late = candidate.is_late(now)
    quiet = _quiet(candidate, graded, before, late=late)
    metadata: dict[str, Any] = {
        "mark": candidate.mark,
        "candle_open": _open_time(candidate),
        "streak": before.length + 1,
        "strength_source": candidate.strength_source,
        "source": candidate.source,
        "received_at": moment_text(now),
    }
    if candidate.tag:
        metadata["tag"] = candidate.tag
    if late:
        metadata["late"] = True
    if quiet:
        metadata["quiet"] = quiet
    if before.told or not quiet:
        metadata["told"] = True
    if candidate.problems:
        metadata["problems"] = list(candidate.problems)
    if float(price_text(candidate.price)) != candidate.price:
        metadata["price_exact"] = repr(candidate.price)
    return Row(identifier, str(identifier), candidate, graded, metadata, quiet)


def _open_time(candidate: Candidate) -> str:
    return moment_text(candidate.timestamp - duration(candidate.timeframe))


def _quiet(candidate: Candidate, graded: Grade, before: Streak, *, late: bool) -> str:
    if candidate.signal_type == HOLD:
        return "hold"
    if late:
        return "late"
    if not graded.notable:
        return "weak"
    # A streak that began late or weak is told with its first notable candle.
    every = candidate.notify_every
    if before.told and not (every and before.length % every == 0):
        return "streak"
    return ""
