"""When a trouble is told and when it is over. Pure: looks in, decisions out.

Two thresholds and two times keep an alert from flickering: what is neither wrong nor
well ends nothing and begins nothing, and both have to last.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Level(StrEnum):
    """What one look has found."""

    RIGHT = "right"
    BETWEEN = "between"
    WRONG = "wrong"


class Action(StrEnum):
    """What follows from it."""

    NOTHING = "nothing"
    RAISE = "raise"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Reading:
    """One look: ``facts`` for the words, ``memory`` for the next look."""

    level: Level
    facts: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long it must be wrong until it is told, and well until it is over."""

    wrong: timedelta = timedelta()
    right: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class History:
    """What is known from earlier looks; ``told``: an alert is open."""

    wrong_since: datetime | None = None
    right_since: datetime | None = None
    told: bool = False


def judge(
    before: History, level: Level, patience: Patience, now: datetime
) -> tuple[History, Action]:
    """Return what is known after a look, and what to do.

    While it lasts the alert is raised at every look, which brings its words up to date.
    """
    if level is Level.WRONG:
        since = before.wrong_since or now
        told = before.told or now - since >= patience.wrong
        return History(since, None, told), Action.RAISE if told else Action.NOTHING
    if not before.told:
        return History(), Action.NOTHING
    if level is Level.BETWEEN:
        return replace(before, right_since=None), Action.NOTHING
    since = before.right_since or now
    if now - since >= patience.right:
        return History(), Action.RESOLVE
    return replace(before, right_since=since), Action.NOTHING


def level_of(value: float, *, wrong: float, right: float) -> Level:
    """Return the level of a value of which more is worse."""
    if value > wrong:
        return Level.WRONG
    return Level.RIGHT if value <= right else Level.BETWEEN
