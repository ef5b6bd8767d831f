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
    """Remembers who analysed nothing. Times are of one clock, in s."""

    def __init__(self) -> None:
        self._ends: dict[int, list[float]] = {}

    def after(self, strategy_id: int, now: float, *, others_well: bool) -> Silent:
        """Note an end and return what follows.

        ``others_well`` tells that somebody in the same runner analyses. Where nobody
        does, it is nobody's own fault, be it alone there: the exchange is away.
        """
        self._forget(now)
        if not others_well:
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
