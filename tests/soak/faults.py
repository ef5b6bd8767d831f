"""Which faults come when: a pure function of the seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Kind(NamedTuple):
    """A kind of fault; ``shortest`` and ``longest`` are its seconds, 0 for a blow."""

    name: str
    shortest: float = 0.0
    longest: float = 0.0


KINDS: Final[tuple[Kind, ...]] = (
    Kind("bot killed"),
    Kind("supervisor killed"),
    Kind("web killed"),
    Kind("worker killed"),
    Kind("urgent worker killed"),
    Kind("beat killed"),
    Kind("Redis flushed"),
    Kind("Redis killed"),
    Kind("PostgreSQL restarted"),
    Kind("PostgreSQL killed"),
    Kind("exchange answers 500", 5, 70),
    Kind("exchange answers 429", 5, 40),
    Kind("exchange hangs", 5, 40),
    Kind("exchange drops connections", 5, 40),
    Kind("exchange answers garbage", 5, 40),
    Kind("exchange answers late", 10, 60),
    Kind("proxy dies", 15, 80),
    Kind("receiver answers 500", 5, 40),
    Kind("receiver answers 429", 5, 30),
    Kind("receiver hangs", 5, 30),
)
BOT_KILLED: Final = KINDS[0].name
# Five ends in ten minutes are a crash loop, which is given up on purpose; an outage of
# the exchange at the wrong moment may be taken for one of them.
SAME_BOT_SECONDS: Final = 210.0
FEWEST_SECONDS, MOST_SECONDS = 6.0, 120.0
# How often each kind is to come in one run, if there is room. More would leave no life
# of a process long enough to see it grow.
TIMES: Final = 3
# What lasts does not last longer than this part of the run.
LONGEST_PART: Final = 0.12


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: seconds after the start, its kind, a bot's name, and how long."""

    at: float
    kind: str
    target: str = ""
    seconds: float = 0.0

    def told(self) -> str:
        """Return it in words."""
        target = f" ({self.target})" if self.target else ""
        lasting = f" for {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.kind}{target}{lasting}"


def schedule(
    seed: int, seconds: float, bots: Sequence[str], kinds: Sequence[Kind] = KINDS
) -> list[Fault]:
    """Return the faults of a run of ``seconds``, in order; all end before it does.

    Every kind comes once before any comes again.
    """
    random = Random(seed)  # noqa: S311 - a plan, not a secret
    gap = min(MOST_SECONDS, max(FEWEST_SECONDS, seconds / (len(kinds) * TIMES)))
    killed: dict[str, float] = {}
    faults: list[Fault] = []
    waiting: list[Kind] = []
    at = gap * random.random()
    while at < seconds:
        waiting = waiting or random.sample(list(kinds), len(kinds))
        kind = waiting.pop()
        fault = _fault(random, kind, at, seconds, bots, killed)
        if fault is not None and at + fault.seconds <= seconds:
            faults.append(fault)
        at += gap * (0.5 + random.random())
    return faults


def _fault(
    random: Random,
    kind: Kind,
    at: float,
    seconds: float,
    bots: Sequence[str],
    killed: dict[str, float],
) -> Fault | None:
    if kind.name != BOT_KILLED:
        longest = min(kind.longest, max(kind.shortest, seconds * LONGEST_PART))
        return Fault(at, kind.name, seconds=random.uniform(kind.shortest, longest))
    free = [bot for bot in bots if at - killed.get(bot, -1e9) >= SAME_BOT_SECONDS]
    if not free:
        return None
    bot = random.choice(free)
    killed[bot] = at
    return Fault(at, kind.name, bot)
