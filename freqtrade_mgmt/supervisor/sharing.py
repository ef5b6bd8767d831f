"""Which strategies this node takes, keeps and gives away."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.here import NotHereError
from freqtrade_mgmt.leases.notes import all_reasons, note_write, notes_clear, notes_end
from freqtrade_mgmt.leases.picture import DUTIES, bots_of, leaving, placed, teller
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.hosting_process import HostedProcess
from freqtrade_mgmt.supervisor.leasing import Leases
from freqtrade_mgmt.supervisor.node_records import (
    moved_settled,
    nodes_tell,
    operation_open,
    user_had,
)
from freqtrade_mgmt.supervisor.nodes import sizes_here
from freqtrade_mgmt.supervisor.plan import (
    LEASE_LATE,
    LEASE_LOST,
    MOVED,
    NOT_WANTED,
    Kind,
)
from freqtrade_mgmt.supervisor.unprivileged import USER_NAME

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from freqtrade_mgmt.supervisor.bots import Bot
    from freqtrade_mgmt.supervisor.plan import Action

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

# A node that was chosen and does not take a strategy is passed over after so long.
PATIENCE_SECONDS: Final = 10.0
# The next one leaves a node that is emptied when the one before runs, or after this.
MOVE_SECONDS: Final = 90.0
STUCK_SECONDS: Final = 60.0
TELL_SECONDS: Final = 5.0
NOT_HERE: Final = "Node {node} cannot run it for now: {why}"
AS_ROOT: Final = (
    f"The user {USER_NAME} that bots run as cannot be had on this machine; the log of its"
    " supervisor says why. They would be root, and on other nodes they are not."
)
STUCK: Final = (
    "Its node {node} does not answer and may still run it. If that machine is gone for"
    " good: manage.py nodes release {node} --yes-really"
)


class Sharing:
    """The part of the strategies that is ours.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: InThread, bots: Mapping[int, Bot]) -> None:
        self._in_thread = in_thread
        self._bots = bots
        self.leases = Leases(
            in_thread, lambda: [bot.process.key for bot in bots.values()]
        )
        self._unclaimed: dict[int, float] = {}
        self._leaving: dict[int, float] = {}
        self._stuck: dict[int, float] = {}
        # Those that have a process of their own, as far as known.
        self._own: frozenset[int] = frozenset()
        self._told: dict[str, Any] = {}
        self._looked = float("-inf")

    @property
    def alone(self) -> bool:
        """Whether no other node is known, living or not."""
        return len(self.leases.picture.nodes) < 2

    async def tick(self, wishes: records.Wishes) -> records.Wishes:
        """Take and give back, and return the wishes that are ours; raises DatabaseError."""
        wanted = wishes.up.keys() | wishes.held
        # Of one that waits for its proxy only what it was before is known.
        self._own = (self._own & wishes.held) | (wishes.up.keys() - wishes.hosted)
        await self._give(wanted, wishes.stopping)
        await self._take(wanted, wishes.stopping)
        await self._look(wanted)
        return wishes.only(self.leases.mine - self._leaving.keys())

    async def end_without_lease(
        self, stop: Callable[[Bot, str], Awaitable[None]]
    ) -> None:
        """End the bots that may not run here now; nothing here asks the database."""
        mine, held = self.leases.mine, self.leases.held
        late = self.leases.late(self.leases.limits.kill)
        for key, bot in list(self._bots.items()):
            if key in mine:
                continue
            await stop(bot, LEASE_LATE if key in held else LEASE_LOST)
            if key in held and not late:
                continue
            # Another node may run it any moment.
            if isinstance(bot.process, HostedProcess):
                bot.process.oust(at_once=late)
            else:
                bot.process.kill()

    def explained(self, actions: Sequence[Action]) -> list[Action]:
        """Say of bots that leave this node why they are stopped: they are still wanted."""
        return [
            replace(action, reason=MOVED)
            if action.kind is Kind.STOP
            and action.reason == NOT_WANTED
            and action.strategy_id in self._leaving
            else action
            for action in actions
        ]

    async def check_root(self, strategy_id: int) -> None:
        """Raise NotHereError where bots are root, and not so on another node."""
        able = self.leases.picture.able(strategy_id, self.leases.limits)
        others = {node.name for node in able} - {self.leases.name}
        if others and await self._in_thread(user_had, others):
            raise NotHereError(AS_ROOT)

    async def not_here(self, strategy_id: int, why: str) -> str:
        """Leave a strategy that cannot start here to another node, with a note.

        Returns nothing then, and why it cannot run where there is no other. Raises
        DatabaseError.
        """
        leases = self.leases
        if not leases.picture.others(leases.limits):
            return why
        await leases.refresh()
        if strategy_id not in leases.mine:
            return ""  # another node's business by now
        noted = await self._in_thread(note_write, strategy_id, leases.name, why)
        able = leases.picture.able(strategy_id, leases.limits)
        left = any(node.name not in noted for node in able)
        # An upgrade moves the bots of one node.
        if not left or await self._in_thread(operation_open):
            live = {n.name for n in leases.picture.nodes if n.live(leases.limits)}
            await self._in_thread(notes_end, strategy_id)
            return all_reasons({k: v for k, v in noted.items() if k in live})
        told = NOT_HERE.format(node=leases.name, why=why)
        await self._in_thread(records.restarting, strategy_id, told)
        await leases.release({strategy_id})
        return ""

    async def runs(self, strategy_id: int) -> None:
        """Forget what was noted of a strategy: it runs here."""
        if not self.alone:
            await self._in_thread(notes_clear, strategy_id, self.leases.name)

    async def _give(
        self, wanted: frozenset[int] | set[int], stopping: frozenset[int]
    ) -> None:
        leases = self.leases
        await self._empty()
        idle = leases.held - self._bots.keys()
        given = {key for key in idle if key not in wanted and key not in stopping}
        given |= {key for key in self._leaving if key in idle}
        if leases.duties and self._others_do_better():
            given.add(DUTIES)
        await leases.release(given)

    async def _empty(self) -> None:
        """Send the next strategy away, while this node is to be emptied."""
        leases, now = self.leases, time.monotonic()
        for strategy_id, since in list(self._leaving.items()):
            gone = strategy_id not in leases.held
            # Those that stay cannot run it: it comes back before it stands still.
            able = leases.picture.able(strategy_id, leases.limits)
            back = gone and leases.name in {node.name for node in able}
            settled = gone and await self._in_thread(
                moved_settled, strategy_id, leases.name
            )
            if back or settled or now - since > MOVE_SECONDS:
                del self._leaving[strategy_id]
        if not leases.picture.draining():
            return
        busy = bool(self._leaving)
        chosen = leaving(
            leases.picture, leases.mine, leases.limits, sizes_here(self._own), busy=busy
        )
        if chosen is not None:
            logger.info("Strategy %s leaves this node.", chosen)
            self._leaving[chosen] = now

    def _others_stay(self) -> bool:
        picture, limits = self.leases.picture, self.leases.limits
        return any(
            node.live(limits) and not node.draining
            for node in picture.nodes
            if node.name != picture.me
        )

    async def _take(
        self, wanted: frozenset[int] | set[int], stopping: frozenset[int]
    ) -> None:
        leases, limits = self.leases, self.leases.limits
        have = leases.held | self._leaving.keys()
        free = leases.picture.free((wanted | stopping) - have, limits)
        now = time.monotonic()
        self._unclaimed = {key: self._unclaimed.get(key, now) for key in free}
        # Who is alone waits for nobody, whatever it noted: it starts them, or says why not.
        chosen = set(free)
        if leases.picture.others(limits):
            chosen = set(free) & stopping
            chosen |= await self._ours([key for key in free if key in wanted], now)
        if self._duties_free():
            chosen.add(DUTIES)
        await leases.take(sorted(chosen))

    async def _ours(self, free: list[int], now: float) -> set[int]:
        """Return those of the free strategies that this node shall run."""
        leases = self.leases
        if not free:
            return set()
        if not leases.duties and await self._in_thread(operation_open):
            # An upgrade moves the bots of one node.
            return set()
        # Others take strategies at this very moment too.
        await leases.refresh()
        picture = leases.picture
        free = picture.free(free, leases.limits)
        sizes = sizes_here(self._own)
        places = placed(free, picture, leases.held, leases.limits, sizes)
        may = not (picture.draining() and self._others_stay())
        return {
            key
            for key in free
            if places.get(key) == leases.name
            or (
                may
                and (key, leases.name) not in picture.notes
                and now - self._unclaimed[key] > PATIENCE_SECONDS
            )
        }

    def _duties_free(self) -> bool:
        leases = self.leases
        if leases.duties or not leases.picture.free([DUTIES], leases.limits):
            return False
        return not self._others_do_better()

    def _others_do_better(self) -> bool:
        """Tell whether what is done once for all belongs to another node.

        To one that stays, and to one that has bots: an upgrade watches its own.
        """
        picture, limits = self.leases.picture, self.leases.limits
        if picture.draining():
            return self._others_stay()
        counts = bots_of(picture)
        busy = any(
            counts[node.name]
            for node in picture.nodes
            if node.name != picture.me and node.live(limits) and not node.draining
        )
        return busy and not self.leases.held

    async def _look(self, wanted: frozenset[int] | set[int]) -> None:
        """Tell about nodes that are dead, and about strategies that nobody may take."""
        leases, now = self.leases, time.monotonic()
        if now - self._looked < TELL_SECONDS or self.alone:
            return
        self._looked = now
        stuck = leases.picture.stuck(wanted - leases.held, leases.limits)
        self._stuck = {k: at for k, at in self._stuck.items() if k in stuck}
        for strategy_id, node in stuck.items():
            if now - self._stuck.get(strategy_id, float("-inf")) > STUCK_SECONDS:
                why = STUCK.format(node=node)
                await self._in_thread(records.restarting, strategy_id, why)
                self._stuck[strategy_id] = now
        if teller(leases.picture, leases.limits):
            tell = partial(nodes_tell, leases.picture, leases.limits, self._told)
            self._told = await self._in_thread(tell)
