"""Which strategy goes first, and whether it is worse off than before. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS: Final = ("bad", "fair", "good")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A running strategy that may go first. ``score`` is its health, 0 to 100."""

    strategy_id: int
    live: bool = False
    score: int = 0
    signals: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """A health score with its level and the words of the worst reason."""

    score: int
    level: str
    words: str = ""


def canary_of(candidates: Iterable[Candidate]) -> int | None:
    """Return who goes first: never one that trades for real if another can.

    The healthiest, since its health tells most, and of those the one that gives the
    most signals.
    """
    best = min(
        candidates,
        key=lambda each: (each.live, -each.score, -each.signals, each.strategy_id),
        default=None,
    )
    return None if best is None else best.strategy_id


def worse(before: Health | None, after: Health | None) -> str:
    """Return why the health is worse than before, or "": a lower level than it had."""
    if after is None or after.level not in LEVELS:
        return ""
    was = before.level if before is not None and before.level in LEVELS else "good"
    if LEVELS.index(after.level) >= LEVELS.index(was):
        return ""
    return f"{after.score}/100: {after.words}" if after.words else f"{after.score}/100"
