"""What one supervisor does for all nodes: trials, installations, upgrades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freqtrade_mgmt.supervisor.installs import Installs
from freqtrade_mgmt.supervisor.trials import Trials
from freqtrade_mgmt.supervisor.upgrades import Upgrades, bots_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from freqtrade_mgmt.supervisor.bots import Bot

    InThread = Callable[..., Awaitable[Any]]


class Duties:
    """Done while this node holds their lease, put down when it does not.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._ours = False
        self._make()

    def _make(self) -> None:
        self._trials = Trials(self._in_thread)
        self._installs = Installs(self._in_thread)
        self.upgrades = Upgrades(self._in_thread)

    async def tick(
        self, bots: Mapping[int, Bot], waiting: frozenset[int], *, ours: bool
    ) -> None:
        """Do the next things, if they are ``ours`` to do; raises DatabaseError.

        ``waiting`` are the strategies that may not run before their proxy is back.
        """
        if not ours:
            if self._ours:
                await self.close()
                self._make()
            self._ours = False
            return
        self._ours = True
        await self._trials.tick()
        await self._installs.tick()
        await self.upgrades.tick(bots_now(bots), waiting)

    async def close(self) -> None:
        """End what is under way; whoever does it next goes on."""
        await self._trials.close()
        await self._installs.close()
        await self.upgrades.close()
