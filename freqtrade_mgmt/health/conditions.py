"""Which conditions of alarms hold for a strategy, and which cannot be told. Pure.

One cause, one alarm: what cannot be known while something worse is wrong (a dead bot
answers nothing) neither raises nor clears anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.health.score import DAY_SECONDS
from freqtrade_mgmt.health.shapes import Answer, Life, staleness

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from freqtrade_mgmt.health.score import Rating
    from freqtrade_mgmt.health.shapes import Facts

ERRORS_LEAST: Final = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """How urgent an alarm is, and how long its condition must hold at least."""

    priority: str
    hold: timedelta = timedelta(0)


RULES: Final = {
    "not_alive": Rule("P0"),
    # Starts are staggered, and after a crash the supervisor waits before the next.
    "not_started": Rule("P0", hold=timedelta(minutes=3)),
    "no_answer": Rule("P0"),
    "stranger": Rule("P0"),
    "not_running": Rule("P0"),
    "strategy_fails": Rule("P0"),
    "stale": Rule("P0"),
    "pair_dropped": Rule("P1"),
    "errors": Rule("P1"),
    "quiet": Rule("P1"),
}
# What an exchange that is out cannot cause.
FREE_OF_GROUPS: Final = frozenset({"pair_dropped", "strategy_fails"})

OF_ANSWER: Final = frozenset({"not_running", "pair_dropped"})
OF_LIFE: Final = frozenset({"no_answer", "stranger", "strategy_fails", "errors"})
OF_CANDLES: Final = frozenset({"stale", "quiet"})


@dataclass(frozen=True, slots=True)
class Conditions:
    """The codes that hold, with their values, and those that cannot be told now."""

    present: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()

    def truth(self, code: str) -> bool | None:
        """Return whether a condition holds, None when that cannot be told."""
        if code in self.present:
            return True
        return None if code in self.unknown else False


def conditions(facts: Facts, rating: Rating) -> Conditions:
    """Return the conditions of a wanted strategy."""
    found = {reason.code: reason.values for reason in rating.reasons}
    if facts.log.errors < ERRORS_LEAST:
        found.pop("errors", None)
    if facts.life is Life.NONE:
        # From the first moment on, so that the time is counted from there.
        found["not_started"] = {"minutes": round(facts.waited_s / 60)}
    unknown = frozenset(_unknown(facts, found))
    present = {
        code: values
        for code, values in found.items()
        if code in RULES and code not in unknown
    }
    return Conditions(present, unknown)


def _unknown(facts: Facts, found: Mapping[str, object]) -> Iterator[str]:
    if facts.life is not Life.ALIVE:
        yield from OF_LIFE | OF_ANSWER | OF_CANDLES
        yield "not_alive" if facts.life is Life.NONE else "not_started"
    elif facts.answer is not Answer.OK:
        yield from OF_ANSWER | OF_CANDLES
        if "starting" in found:
            yield "no_answer"
    if facts.supervised is False or {"not_running", "strategy_fails"} & found.keys():
        yield from OF_CANDLES
    yield from _unknown_of_candles(facts)


def _unknown_of_candles(facts: Facts) -> Iterator[str]:
    stale = staleness(facts)
    if not stale.known:
        yield "stale"
    if stale.pairs or facts.usual_24h is None or facts.watched_s < DAY_SECONDS:
        yield "quiet"
