"""What a node knows of the others, and what follows from it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# The lease of what is done once for all nodes; it stands for no strategy.
DUTIES: Final = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, counted from the sending of the last renewal that succeeded.

    A node renews ``every`` so often. One that cannot tells its bots to stop after
    ``stop`` and kills what is left after ``kill``, while the lease itself lasts for
    ``lease``, and others wait ``margin`` longer before they take it.
    """

    every: float
    stop: float
    kill: float
    lease: float
    margin: float

    @property
    def gap(self) -> float:
        """After more seconds without a look, that time says nothing about others."""
        return 2 * self.every

    @classmethod
    def of(cls, lease: float) -> Limits:
        """Return the limits that belong to a lease of so many seconds."""
        return cls(
            every=lease / 6,
            stop=lease * 0.55,
            kill=lease * 0.7,
            lease=lease,
            margin=lease / 10,
        )


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """A node; ``age`` is the seconds since it last said something.

    ``stamp`` is what it said: it differs after every sign of life.
    """

    name: str
    age: float = 0.0
    stamp: str = ""
    stopped: bool = False
    draining: bool = False
    guards: bool = False
    capacity: int = 1_000
    address: str = ""

    def live(self, limits: Limits) -> bool:
        """Tell whether it looks after its bots."""
        return not self.stopped and self.age < limits.lease

    def dead(self, limits: Limits) -> bool:
        """Tell whether it ended without saying so, or cannot reach the database."""
        return not self.stopped and self.age >= limits.lease + limits.margin


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """A lease that somebody holds.

    ``stamp`` differs after every renewal, ``unchanged`` is for how many seconds of our
    own clock it has been the same. Neither depends on how the database's clock is set.
    """

    strategy_id: int
    node: str
    unchanged: float = 0.0
    guarded: bool = False
    came_from: str = ""
    stamp: str = ""

    def over(self, limits: Limits) -> bool:
        """Tell whether its holder has surely not renewed it in time."""
        return self.unchanged > limits.lease + limits.margin

    def takable(self, limits: Limits) -> bool:
        """Tell whether another node may take it: its bot has surely ended.

        What is done once for all needs the database, which its holder has lost.
        """
        return self.over(limits) and (self.guarded or self.strategy_id == DUTIES)


@dataclass(frozen=True, slots=True)
class Picture:
    """The nodes and the leases, as they were at the last renewal of ``me``.

    ``notes`` are strategies with the nodes that cannot run them for now.
    """

    me: str = ""
    nodes: tuple[NodeSeen, ...] = ()
    leases: Mapping[int, LeaseSeen] = field(default_factory=dict)
    notes: frozenset[tuple[int, str]] = frozenset()

    def later(self, seconds: float) -> Picture:
        """Return it as it is after so many seconds in which nobody looked."""
        leases = {
            key: replace(lease, unchanged=lease.unchanged + seconds)
            for key, lease in self.leases.items()
        }
        return replace(self, leases=leases)

    def able(self, strategy_id: int, limits: Limits) -> list[NodeSeen]:
        """Return the nodes that may take a strategy.

        Living ones that have not said that they cannot run it; one that is being
        emptied only where there is no other.
        """
        live = [
            node
            for node in self.nodes
            if node.live(limits) and (strategy_id, node.name) not in self.notes
        ]
        return [node for node in live if not node.draining] or live

    def others(self, limits: Limits) -> bool:
        """Tell whether another node lives."""
        return any(node.live(limits) for node in self.nodes if node.name != self.me)

    def node(self, name: str) -> NodeSeen | None:
        """Return a node by its name."""
        return next((node for node in self.nodes if node.name == name), None)

    def draining(self) -> bool:
        """Tell whether our own node is to be emptied."""
        own = self.node(self.me)
        return own is not None and own.draining

    def free(self, strategy_ids: Iterable[int], limits: Limits) -> list[int]:
        """Return those that nobody runs, of strategies that we do not hold."""
        found = []
        for strategy_id in strategy_ids:
            lease = self.leases.get(strategy_id)
            # What was ours when this was seen, we have given back since.
            if lease is None or lease.node == self.me or lease.takable(limits):
                found.append(strategy_id)
        return sorted(found)

    def stuck(self, strategy_ids: Iterable[int], limits: Limits) -> dict[int, str]:
        """Return those whose node is dead and perhaps still runs their bots, with it."""
        dead = {node.name for node in self.nodes if node.dead(limits)}
        known = {node.name for node in self.nodes}
        found = {}
        for strategy_id in strategy_ids:
            lease = self.leases.get(strategy_id)
            if lease is None or lease.guarded or not lease.over(limits):
                continue
            if lease.node in dead or lease.node not in known:
                found[strategy_id] = lease.node
        return found


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many strategies a node holds: with a process of their own, and sharing."""

    own: int = 0
    sharing: int = 0

    @property
    def count(self) -> int:
        """How many they are."""
        return self.own + self.sharing


@dataclass(frozen=True, slots=True)
class Sizes:
    """What strategies take of a node's capacity.

    Those of ``own`` have a process of their own and take ``each``. The others take one,
    and the process that they share takes ``empty`` more.
    """

    own: frozenset[int] = frozenset()
    each: int = 1
    empty: int = 0

    def joined(self, crowd: Crowd, strategy_id: int) -> Crowd:
        """Return a crowd with one more in it."""
        if strategy_id == DUTIES:
            return crowd
        if strategy_id in self.own:
            return replace(crowd, own=crowd.own + 1)
        return replace(crowd, sharing=crowd.sharing + 1)

    def crowd(self, strategy_ids: Iterable[int]) -> Crowd:
        """Return the crowd of these strategies."""
        found = Crowd()
        for strategy_id in strategy_ids:
            found = self.joined(found, strategy_id)
        return found

    def fits(self, strategy_id: int, crowd: Crowd, capacity: int) -> bool:
        """Tell whether a node that holds this crowd has room for one more."""
        new = self.joined(crowd, strategy_id)
        shared = new.sharing + self.empty if new.sharing else 0
        return new.own * self.each + shared <= capacity


ALIKE: Final = Sizes()


def placed(
    free: Collection[int],
    picture: Picture,
    mine: Collection[int],
    limits: Limits,
    sizes: Sizes = ALIKE,
) -> dict[int, str]:
    """Return which node shall take each of the free strategies.

    The live one with room and the fewest bots, the first by name among equals. ``mine``
    is what our own node holds, which the picture may not know yet. Where all are full,
    the emptiest takes it, and says why it cannot run. A node that is being emptied takes
    nothing while there is another, and none takes what it cannot run for now.
    """
    held = _crowds(picture, sizes)
    held[picture.me] = sizes.crowd(mine)
    found = {}
    for strategy_id in sorted(free):
        chosen = picture.able(strategy_id, limits)
        if not chosen:
            continue
        # By whether it is full, how many it holds, and its name.
        _full, _count, name = min(
            (
                not sizes.fits(strategy_id, held[node.name], node.capacity),
                held[node.name].count,
                node.name,
            )
            for node in chosen
        )
        found[strategy_id] = name
        held[name] = sizes.joined(held[name], strategy_id)
    return found


def _crowds(picture: Picture, sizes: Sizes) -> defaultdict[str, Crowd]:
    held: defaultdict[str, Crowd] = defaultdict(Crowd)
    for lease in picture.leases.values():
        held[lease.node] = sizes.joined(held[lease.node], lease.strategy_id)
    return held


def bots_of(picture: Picture) -> Counter[str]:
    """Return how many strategies each node holds."""
    return Counter(
        lease.node for lease in picture.leases.values() if lease.strategy_id != DUTIES
    )


def leaving(
    picture: Picture,
    held: Collection[int],
    limits: Limits,
    sizes: Sizes = ALIKE,
    *,
    busy: bool,
) -> int | None:
    """Return the next strategy that leaves a node which is being emptied.

    None while one is on its way (``busy``), or nobody else has room for any.
    """
    if busy or not picture.draining():
        return None
    crowds = _crowds(picture, sizes)
    others = [
        node
        for node in picture.nodes
        if node.name != picture.me and node.live(limits) and not node.draining
    ]
    movable = [
        key
        for key in held
        if key != DUTIES
        and any(
            sizes.fits(key, crowds[node.name], node.capacity)
            and (key, node.name) not in picture.notes
            for node in others
        )
    ]
    return min(movable, default=None)


def teller(picture: Picture, limits: Limits) -> bool:
    """Tell whether our node is the one that tells about the others."""
    live = [node.name for node in picture.nodes if node.live(limits)]
    return bool(live) and min(live) == picture.me
