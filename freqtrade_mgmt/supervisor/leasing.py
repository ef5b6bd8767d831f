"""The leases of this node: taken, renewed, lost. Without one, no bot runs here.

Times are of a clock that nobody sets, from before a statement was sent: the database
counts from later on, so a lease is never over there before it is over here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import Error as DatabaseError

from freqtrade_mgmt.leases.picture import DUTIES, Picture
from freqtrade_mgmt.leases.sightings import Sightings, Strangers
from freqtrade_mgmt.leases.store import (
    NodeNameTakenError,
    Renewed,
    lease_limits,
    leases_release,
    leases_renew,
    leases_take,
    node_farewell,
    node_register,
)
from freqtrade_mgmt.supervisor.guard import Guard, clock
from freqtrade_mgmt.supervisor.lease_connection import LeaseConnection
from freqtrade_mgmt.supervisor.nodes import life_forget, life_keep, node_here

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from freqtrade_mgmt.leases.store import Node, Run
    from freqtrade_mgmt.supervisor.identity import ProcessKey

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
# Signs of life that were answered: the last minutes.
BEATS_KEPT: Final = 24

WAITS: Final = (
    "A supervisor of the name or the home of node %(name)s did not end in an orderly way,"
    " or lives elsewhere. This one starts when nothing was heard of it for %(s).0f s."
)


class LeaseGoneError(Exception):
    """A lease was lost between the decision to start a bot and its start."""


class Leases:
    """What this node may run.

    ``in_thread`` runs a function off the event loop, in the thread of the database;
    ``bots`` returns the processes that the guard has to know.
    """

    def __init__(
        self, in_thread: InThread, bots: Callable[[], Iterable[ProcessKey]]
    ) -> None:
        self._in_thread = in_thread
        self._bots = bots
        self._guard = Guard(settings.BTCW_HOME)
        self._connection = LeaseConnection()
        self._node: Node | None = None
        # Who we shall be when nobody else is; kept until that is so.
        self._next: Node | None = None
        self._beats: tuple[str, ...] = ("", "")
        # Whether somebody may speak in our name: our last life proves nothing then.
        self._doubled = False
        # Strategy to term; what is sent with every renewal.
        self._held: dict[int, int] = {}
        self._good = 0.0
        self._begun = 0.0
        # From before the database is told until after it was told otherwise.
        self._guarding = False
        # Takes under way, which say what the guard did when they began.
        self._taking = 0
        self._alone = asyncio.Lock()
        self._said = ""
        self.limits = lease_limits()
        self._sightings, self._strangers = Sightings(self.limits.gap), Strangers()
        self._picture, self._seen = Picture(), 0.0

    # -- What may run --------------------------------------------------------

    @property
    def mine(self) -> frozenset[int]:
        """The strategies that may run here at this moment."""
        if self._node is None or self.late(self.limits.stop):
            return frozenset()
        return frozenset(self._held) - {DUTIES}

    @property
    def held(self) -> frozenset[int]:
        """What the database knows as ours, as far as we know."""
        return frozenset(self._held) - {DUTIES}

    def check(self, strategy_id: int) -> None:
        """Raise LeaseGoneError unless a strategy may run here at this moment."""
        if strategy_id not in self.mine:
            raise LeaseGoneError

    @property
    def duties(self) -> bool:
        """Whether we do what is done once for all nodes."""
        return DUTIES in self._held and not self.late(self.limits.stop)

    def late(self, seconds: float) -> bool:
        """Tell whether nothing was renewed for so long, and others may notice."""
        return self._guarding and clock() - self._good > seconds

    @property
    def picture(self) -> Picture:
        """The nodes as they were at the last renewal, the leases as they age since."""
        return self._picture.later(min(clock() - self._seen, self.limits.gap))

    @property
    def name(self) -> str:
        """What this node is called."""
        return "" if self._node is None else self._node.name

    # -- Beginning and end ----------------------------------------------------

    async def ensure(self) -> None:
        """Register this node unless it is; raises DatabaseError, NodeNameTakenError."""
        if self._node is not None:
            return
        if self._doubled:
            await asyncio.to_thread(life_forget)
        if self._next is None:
            self._next = await asyncio.to_thread(node_here)
        self._next = node = replace(self._next, beats=("", _beat()))
        self._good = clock()
        before = await self._register(node)
        await asyncio.to_thread(life_keep, node)
        self._strangers, self._next, self._doubled = Strangers(), None, False
        self._node, self._held = node, {}
        self._beats = (node.beats[-1], "")
        await self.take([DUTIES, *before])
        await self.renew(self._by_thread)
        if self.picture.others(self.limits):
            # The second one says that our bots end in time.
            await self.renew(self._by_thread)
        logger.info(
            "This node is %s; it holds %d strategies.", node.name, len(self.mine)
        )

    async def _register(self, node: Node) -> list[int]:
        """Register; raises NodeNameTakenError, with the right words."""
        patience = self.limits.lease + self.limits.margin
        silent = self._strangers.silent(clock(), patience)
        try:
            before: list[int] = await self._in_thread(node_register, node, silent)
        except NodeNameTakenError as error:
            sure = self._strangers.note(error.stamps, clock(), error.unguarded)
            words = (
                error.message if sure else WAITS % {"name": node.name, "s": patience}
            )
            if words != self._said:
                logger.log(logging.ERROR if sure else logging.WARNING, words)
                self._said = words
            raise
        self._said = ""
        return before

    async def close(self) -> None:
        """Give everything back; our bots have ended. Raises nothing."""
        node, self._node = self._me(), None
        held, self._held = self._held, {}
        # A renewal that is answered after the farewell would say that we live.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.every), self._alone:
                pass
        try:
            if node is not None:
                await self._in_thread(leases_release, node, held)
                await self._in_thread(node_farewell, node)
        except DatabaseError as error:
            logger.warning("Leases were not given back (%s).", type(error).__name__)
        self._tell_guard(off=True)
        await self._connection.close()

    async def run(self, late: Callable[[], Awaitable[None]]) -> None:
        """Renew for ever; ``late`` is called again and again while bots may not run.

        Nothing here waits for the supervisor's own connection.
        """
        renewal: asyncio.Task[None] | None = None
        while True:
            await late()
            if renewal is not None and renewal.done():
                # Only what nobody has foreseen is raised there.
                renewal.result()
                renewal = None
            due = clock() - self._begun >= self.limits.every
            if renewal is None and due and self._node is not None:
                renewal = asyncio.create_task(self._renew_quietly(), name="renewal")
            await asyncio.sleep(min(LOOK_SECONDS, self.limits.every / 4))

    # -- Statements -----------------------------------------------------------

    async def take(self, strategy_ids: Collection[int]) -> frozenset[int]:
        """Take what is free, over or ours; return what is ours now of it."""
        node, picture = self._me(), self.picture
        if node is None or not strategy_ids:
            return frozenset()
        leases = [picture.leases[key] for key in strategy_ids if key in picture.leases]
        stale = [lease.stamp for lease in leases if lease.takable(self.limits)]
        work = partial(leases_take, guarded=self._guarding, stale=stale)
        self._taking += 1
        try:
            taken: dict[int, int] = await self._in_thread(work, node, strategy_ids)
            if not taken and (node := self._overtaken(node)):
                taken = await self._in_thread(work, node, strategy_ids)
            self._held.update(taken)
        finally:
            self._taking -= 1
        for strategy_id in taken.keys() - {DUTIES}:
            lease = picture.leases.get(strategy_id)
            if lease is not None and lease.node != self.name:
                logger.warning(
                    "Strategy %s was taken over from node %s.", strategy_id, lease.node
                )
        return frozenset(taken)

    async def release(self, strategy_ids: Collection[int]) -> None:
        """Give back what does not run here any more; what is refused stays ours."""
        given = {key: self._held[key] for key in strategy_ids if key in self._held}
        node = self._me()
        if node is None or not given:
            return
        gone: frozenset[int] = await self._in_thread(leases_release, node, given)
        if not gone and (node := self._overtaken(node)):
            gone = await self._in_thread(leases_release, node, given)
        for key, term in given.items():
            if key in gone and self._held.get(key) == term:
                del self._held[key]

    async def refresh(self) -> None:
        """See the others as they are now; raises DatabaseError."""
        await self.renew(self._by_connection)

    async def renew(self, by: Callable[..., Awaitable[Renewed]]) -> None:
        """Renew everything once; raises DatabaseError."""
        # One at a time: an older answer must not undo what a newer one has promised.
        async with self._alone:
            await self._renew(by)

    async def _renew(self, by: Callable[..., Awaitable[Renewed]]) -> None:
        if not self._beats[-1]:
            # Not made before it is needed: a copy of this machine would know it too.
            self._beats = (*self._beats[:-1], _beat())
        node, sent, moment = self._me(), dict(self._held), clock()
        if node is None:
            return
        self._begun = moment
        guarded = await self._guard_wanted()
        answer = await by(node, sent, guarded=guarded)
        self._take_in(answer, sent, moment, guarded=guarded)

    def _me(self) -> Node | None:
        """Return this node with its newest signs of life; None: not registered."""
        return self._node and replace(self._node, beats=self._beats)

    def _overtaken(self, asked: Node) -> Node | None:
        """Return who we are by now, if a renewal came between since ``asked``.

        What was asked was refused then: the database knew a newer sign of life.
        """
        node = self._me()
        return None if node is None or node.beats == asked.beats else node

    def _take_in(
        self, answer: Renewed, sent: dict[int, int], moment: float, *, guarded: bool
    ) -> None:
        self._good = max(self._good, moment)
        lost = {
            key
            for key, term in sent.items()
            if key not in answer.kept and self._held.get(key) == term
        }
        for key in lost:
            del self._held[key]
        if answer.known and lost - {DUTIES}:
            logger.error("These strategies are another node's now: %s.", sorted(lost))
        if not answer.known:
            logger.error(
                "This node was removed from the list, or another supervisor speaks in its"
                " name. Its bots end, and it registers again."
            )
            self._node, self._held, self._doubled = None, {}, True
            return
        self._beats = (*self._beats[-BEATS_KEPT:], "")
        self._seen = clock()
        self._picture = self._sightings.dated(answer.picture, self._seen)
        if not guarded and not self._taking and self._held.keys() <= sent.keys():
            self._guarding = False
        self._tell_guard(off=not self._guarding)

    async def _guard_wanted(self) -> bool:
        """Tell whether our bots end in time from now on, as others may rely on it."""
        if not self.picture.others(self.limits):
            return False
        if not await asyncio.to_thread(self._guard.start):
            return False
        # After an outage that our bots were allowed to outlive, the first renewal is a
        # plain one: they must not be late at once.
        if not self._guarding and clock() - self._good > self.limits.stop / 2:
            return False
        self._guarding = True
        return self._tell_guard()

    def _tell_guard(self, *, off: bool = False) -> bool:
        try:
            if off:
                self._guard.call_off()
            else:
                self._guard.order(self._good + self.limits.kill, self._bots())
        except OSError as error:
            logger.error("The guard cannot be told anything (%s).", error.strerror)  # noqa: TRY400
            return False
        return True

    async def _by_thread(
        self, node: Node, sent: dict[int, int], *, guarded: bool
    ) -> Renewed:
        work = partial(leases_renew, guarded=guarded)
        found: Renewed = await self._in_thread(work, node, sent)
        return found

    async def _by_connection(
        self, node: Node, sent: dict[int, int], *, guarded: bool
    ) -> Renewed:
        def work(run: Run) -> Renewed:
            return leases_renew(node, sent, guarded=guarded, run=run)

        return await self._connection.call(work, self.limits.every)

    async def _renew_quietly(self) -> None:
        try:
            await self.renew(self._by_connection)
        except DatabaseError as error:
            self._say(f"Leases cannot be renewed ({error}).")
        else:
            self._say("")

    def _say(self, words: str) -> None:
        """Log what is wrong, once."""
        if words and words != self._said:
            logger.warning(words)
        if self._said and not words:
            logger.info("Leases are renewed again.")
        self._said = words


def _beat() -> str:
    """Return a sign of life that no other gives, not even a copy of this machine."""
    return f"{time.time_ns():x}-{uuid.uuid4().hex}"


__all__ = ["LeaseGoneError", "Leases", "NodeNameTakenError"]
