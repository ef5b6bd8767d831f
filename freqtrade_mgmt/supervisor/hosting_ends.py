"""What follows when a runner has ended: who waits, who is set apart, who moves out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.supervisor.hosting_groups import Group, halves

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

WINDOW_SECONDS: Final = 600.0
FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 120.0
# Runners of a group that never came up, one after the other: it is done without them.
VAIN_STARTS: Final = 3
WITHOUT_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class RunnerEnd:
    """A runner that ended unasked. ``met`` tells that it had come up; ``guilty`` is the
    strategy that is known to have ended it, if one is.
    """

    group: Group
    strategies: Collection[int]
    met: bool
    guilty: int | None = None


@dataclass(frozen=True, slots=True)
class Consequence:
    """How long its strategies wait (seconds), their new lots, and who moves out."""

    delay: float = 0.0
    lots: Mapping[int, str] = field(default_factory=dict)
    moves: int | None = None


class Ends:
    """Remembers how runners ended, by group. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._ends: dict[Group, list[float]] = {}
        self._vain: dict[Group, int] = {}
        self._without: dict[Group, float] = {}
        self._lots: dict[int, str] = {}

    def lot(self, strategy_id: int) -> str:
        """Return the lot of a strategy; most have none."""
        return self._lots.get(strategy_id, "")

    def works(self, group: Group, now: float) -> bool:
        """Tell whether runners of this group come up."""
        return self._without.get(_whole(group), 0.0) <= now

    def met(self, group: Group) -> None:
        """Note that a runner has come up."""
        self._vain.pop(_whole(group), None)

    def after(self, end: RunnerEnd, now: float) -> Consequence:
        """Note an end and return what follows.

        A strategy that ends its runner is known to nobody at first. The runner is tried
        once more; then its strategies are parted, until the guilty one is alone.
        """
        if end.guilty is not None:
            return Consequence(moves=end.guilty)
        if not end.met:
            return self._vain_start(end, now)
        recent = [
            at for at in self._ends.get(end.group, []) if now - at < WINDOW_SECONDS
        ]
        self._ends[end.group] = [*recent, now]
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** len(recent))
        if not recent and not end.group.lot:
            return Consequence(delay)
        if len(end.strategies) == 1:
            return Consequence(moves=next(iter(end.strategies)))
        lots = halves(end.strategies, end.group.lot)
        self._lots |= lots
        return Consequence(delay, lots)

    def _vain_start(self, end: RunnerEnd, now: float) -> Consequence:
        group = _whole(end.group)
        count = self._vain[group] = self._vain.get(group, 0) + 1
        if count >= VAIN_STARTS:
            self._vain.pop(group)
            self._without[group] = now + WITHOUT_SECONDS
        return Consequence(min(LONGEST_DELAY, FIRST_DELAY * 4 ** (count - 1)))


def _whole(group: Group) -> Group:
    return replace(group, lot="")
