"""What follows when a runner has ended: who waits, who is set apart, who moves out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
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
# Two strategies may be guilty at once, a copy of the other say. When runners with nobody
# in common end, and there are more of them than that, it is no strategy's fault.
NOBODYS: Final = 3


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
    """How long its strategies wait (seconds), their new lots, and who moves out.

    ``without`` tells that the group is done without runners from now on.
    """

    delay: float = 0.0
    lots: Mapping[int, str] = field(default_factory=dict)
    moves: int | None = None
    without: bool = False


@dataclass(frozen=True, slots=True)
class _Past:
    at: float
    group: Group
    inside: frozenset[int]
    again: bool

    @property
    def telling(self) -> bool:
        """Whether it was more than one accident."""
        return self.again or bool(self.group.lot)


class Ends:
    """Remembers how runners ended, by who was inside. Times are seconds of one clock.

    Runners have no identity of their own: one that is started again has the strategies
    of the one that ended, and maybe others.
    """

    def __init__(self) -> None:
        self._past: list[_Past] = []
        self._vain: dict[Group, int] = {}
        self._paused: dict[Group, float] = {}
        self._without: dict[Group, float] = {}
        # With the moment when something ended there last.
        self._lots: dict[int, tuple[str, float]] = {}
        self._partings = 0

    def lot(self, strategy_id: int, now: float) -> str:
        """Return the lot of a strategy; most have none.

        It is forgotten when no runner with that strategy has ended for a while.
        """
        lot, at = self._lots.get(strategy_id, ("", 0.0))
        return lot if now - at < WINDOW_SECONDS else ""

    def works(self, group: Group, now: float) -> bool:
        """Tell whether runners of this group are to be used."""
        return self._without.get(group.whole, 0.0) <= now

    def all_work(self, now: float) -> bool:
        """Tell whether there is no group that is done without runners."""
        return all(until <= now for until in self._without.values())

    def paused(self, group: Group, now: float) -> bool:
        """Tell whether no runner of this group is to be started yet."""
        return self._paused.get(group.whole, 0.0) > now

    def met(self, group: Group) -> None:
        """Note that a runner has come up."""
        self._vain.pop(group.whole, None)
        self._paused.pop(group.whole, None)

    def after(self, end: RunnerEnd, now: float) -> Consequence:
        """Note an end and return what follows.

        A strategy that ends its runner is known to nobody at first. The runner is tried
        once more; then those that were in it both times are parted, and each part gets
        the same chance, until the guilty one is alone.
        """
        if end.guilty is not None:
            return Consequence(moves=end.guilty)
        if not end.met:
            return self._vain_start(end, now)
        self.met(end.group)
        return self._real_end(end.group, frozenset(end.strategies), now)

    def _real_end(
        self, group: Group, inside: frozenset[int], now: float
    ) -> Consequence:
        self._past = [each for each in self._past if now - each.at < WINDOW_SECONDS]
        same = [e for e in self._past if e.group == group and e.inside & inside]
        self._past.append(_Past(now, group, inside, bool(same)))
        self._keep_lots(inside, now)
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** len(same))
        if self._is_nobodys(group.whole):
            self._go_without(group.whole, now)
            return Consequence(without=True)
        if not same:
            return Consequence(delay)
        if len(inside) == 1:
            (guilty,) = inside
            # Whatever it was in has ended for it.
            self._past = [each for each in self._past if guilty not in each.inside]
            return Consequence(moves=guilty)
        lots = halves(inside & same[-1].inside, group.lot or self._new_root())
        self._lots |= {key: (lot, now) for key, lot in lots.items()}
        return Consequence(delay, lots)

    def _vain_start(self, end: RunnerEnd, now: float) -> Consequence:
        group = end.group.whole
        if self.paused(group, now):
            # They fell together: one vain start, however many were tried.
            return Consequence(self._paused[group] - now)
        count = self._vain[group] = self._vain.get(group, 0) + 1
        delay = min(LONGEST_DELAY, FIRST_DELAY * 4 ** (count - 1))
        if count >= VAIN_STARTS:
            # Bots wait for nothing.
            self._go_without(group, now)
            return Consequence(without=True)
        self._paused[group] = now + delay
        return Consequence(delay)

    def _is_nobodys(self, group: Group) -> bool:
        sets = {e.inside for e in self._past if e.telling and e.group.whole == group}
        apart: list[frozenset[int]] = []
        for inside in sorted(sets, key=lambda each: (len(each), sorted(each))):
            if all(inside.isdisjoint(each) for each in apart):
                apart.append(inside)
        return len(apart) >= NOBODYS

    def _go_without(self, group: Group, now: float) -> None:
        self._without[group] = now + WITHOUT_SECONDS
        self.met(group)
        for each in self._past:
            if each.group.whole == group:
                for key in each.inside:
                    self._lots.pop(key, None)
        self._past = [each for each in self._past if each.group.whole != group]

    def _keep_lots(self, inside: Collection[int], now: float) -> None:
        for key in inside:
            if lot := self.lot(key, now):
                self._lots[key] = (lot, now)

    def _new_root(self) -> str:
        """Return a name for a parting: two full runners are not parted into the same."""
        self._partings += 1
        return str(self._partings)
