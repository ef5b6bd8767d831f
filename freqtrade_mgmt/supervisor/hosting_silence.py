"""Strategies that analyse nothing in a runner that works: whose fault it is. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

WINDOW_SECONDS: Final = 1800.0
# After so many such ends of one strategy a process of its own is tried.
ENDS: Final = 2


class Silent(StrEnum):
    """What follows from an end of a strategy that analysed nothing."""

    AGAIN = "again"
    MOVES = "moves"
    SHARED = "shared"


class Silence:
    """Remembers who analysed nothing, and in which runner. Times are of one clock, in s."""

    def __init__(self) -> None:
        self._ends: dict[int, list[float]] = {}
        self._inside: dict[int, dict[int, float]] = {}

    def after(
        self, runner: int, strategy_id: int, now: float, *, others_well: bool
    ) -> Silent:
        """Note an end in the runner with this pid and return what follows.

        ``others_well`` tells that somebody in it analyses. Where nobody does, and more
        than one has ended for it, it is nobody's own fault: the exchange is away.
        """
        self._forget(now)
        inside = self._inside.setdefault(runner, {})
        inside[strategy_id] = now
        if not others_well and len(inside) > 1:
            return Silent.SHARED
        ends = self._ends.setdefault(strategy_id, [])
        ends.append(now)
        if len(ends) < ENDS:
            return Silent.AGAIN
        del self._ends[strategy_id]
        return Silent.MOVES

    def _forget(self, now: float) -> None:
        since = now - WINDOW_SECONDS
        self._ends = {
            key: kept
            for key, ends in self._ends.items()
            if (kept := [at for at in ends if at > since])
        }
        self._inside = {
            runner: kept_here
            for runner, inside in self._inside.items()
            if (kept_here := {key: at for key, at in inside.items() if at > since})
        }
