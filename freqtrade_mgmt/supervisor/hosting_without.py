"""Strategies that could share a process, where shared processes do not work for now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.here import NotHereError
from freqtrade_mgmt.supervisor.plan import Phase

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from freqtrade_mgmt.supervisor.bots import Bot
    from freqtrade_mgmt.supervisor.hosting_ends import Ends
    from freqtrade_mgmt.supervisor.hosting_groups import Group
    from freqtrade_mgmt.supervisor.hosting_runner import Runner

# One tries whether they work again; the others follow when the process has come up.
PROBE_SECONDS: Final = 600.0
# One after the other, where nobody knows which shared process would take it.
UNKNOWN_SECONDS: Final = 10.0
# What other nodes note of such a strategy says so too.
WAITS: Final = "It waits for room:"


class TurnLaterError(Exception):
    """A strategy is to be started a little later: nothing is wrong with it."""


class RoomLaterError(NotHereError):
    """There is no room for a strategy until those share again that have bots instead."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{WAITS} {why}")


class Without:
    """Remembers who belongs to which group, and who has a bot for want of a runner.

    Times are seconds of one clock.
    """

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._groups: dict[int, Group] = {}
        self._own: frozenset[int] = frozenset()
        # With their groups; None where an earlier supervisor knew.
        self._bots: dict[int, Group | None] = {}
        self._tried: dict[Group | None, float] = {}
        # Whose bots were ended for places, until they run.
        self._gave: frozenset[int] = frozenset()

    @property
    def is_over(self) -> bool:
        """Whether nobody has a bot for want of a runner, or gave it up and waits."""
        return not self._bots and not self._gave

    def belongs(self, strategy_id: int, group: Group) -> None:
        """Note to which group a strategy belongs."""
        self._groups[strategy_id] = group.whole

    def sharing(self, hosted: frozenset[int], now: float) -> frozenset[int]:
        """Return those that can share, of the strategies that may."""
        self._gave &= hosted
        self._groups = {k: group for k, group in self._groups.items() if k in hosted}
        self._own = frozenset(
            key
            for key, group in self._groups.items()
            if not self._ends.works(group, now)
        )
        return hosted - self._own

    def gave(self, strategy_id: int) -> bool:
        """Tell whether the bot of a strategy was ended for a place, where it runs not yet."""
        return strategy_id in self._gave

    def check_bot(self, strategy_id: int) -> None:
        """Raise TurnLaterError where a strategy was to be started as one that shares.

        Bots start one at a time, and this was not its turn.
        """
        if strategy_id not in self._own:
            raise TurnLaterError

    def takes_bot(self, strategy_id: int) -> None:
        """Note that a strategy gets a bot instead of a place."""
        self._bots[strategy_id] = self._groups[strategy_id]

    def keeps_bot(self, strategy_id: int) -> None:
        """Note that a bot of an earlier supervisor is one for want of a runner."""
        self._bots[strategy_id] = self._groups.get(strategy_id)

    def takes_place(self, strategy_id: int) -> None:
        """Note that a strategy has a place in a runner."""
        self._bots.pop(strategy_id, None)

    def back(
        self,
        hosted: frozenset[int],
        bots: Mapping[int, Bot],
        runners: Collection[Runner],
        now: float,
    ) -> int | None:
        """Return a strategy whose bot is to be replaced now by a place in a runner.

        One goes first; when its runner has come up the others follow, one at each call.
        ``hosted`` may share.
        """
        self._bots = {
            key: group
            for key, group in self._bots.items()
            if key in bots and not bots[key].process.hosted
        }
        running = {key for key in bots if bots[key].phase is Phase.RUNNING}
        self._gave -= running
        for key, group in sorted(self._bots.items(), key=lambda each: each[0]):
            if key in hosted & running and self._is_turn(group, runners, now):
                self._tried[group] = now
                self._gave |= {key}
                return key
        return None

    def _is_turn(
        self, group: Group | None, runners: Collection[Runner], now: float
    ) -> bool:
        waited = now - self._tried.get(group, float("-inf"))
        if group is None:
            return waited > UNKNOWN_SECONDS and all(r.came_up for r in runners)
        if not self._ends.works(group, now) or self._ends.paused(group, now):
            return False
        ours = [runner for runner in runners if runner.group.whole == group]
        if ours:
            return all(runner.came_up for runner in ours)
        return waited > PROBE_SECONDS
