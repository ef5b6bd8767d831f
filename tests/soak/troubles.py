"""When faults were on, and what each of them may have cost. Pure.

Moments are seconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.soak.faults import BOT_KILLED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

# What stands between an intake and a page; the intake's end is part of it.
FEED: Final = frozenset(
    {
        *("web killed", "supervisor killed", "Redis flushed", "Redis killed"),
        *("PostgreSQL restarted", "PostgreSQL killed"),
    }
)
# What stands between a row of the outbox and its receiver.
DELIVERY: Final = frozenset(
    {
        *("worker killed", "urgent worker killed", "beat killed"),
        *("Redis flushed", "Redis killed", "PostgreSQL restarted", "PostgreSQL killed"),
        *("receiver answers 500", "receiver answers 429", "receiver hangs"),
    }
)
# Frames that were on their way, and the time in which processes come back.
LEAD_SECONDS, RECOVERY_SECONDS = 5.0, 45.0
# A process is started again in this time, and is not measured until then.
AGAIN_SECONDS = 20.0
ENDS: Final = {
    "supervisor killed": "supervisor",
    "web killed": "web",
    "worker killed": "worker",
    "urgent worker killed": "worker-urgent",
    "beat killed": "beat",
    "Redis killed": "valkey",
    "PostgreSQL killed": "postgres",
    "PostgreSQL restarted": "postgres",
}


class Trouble(NamedTuple):
    """A fault that was done: what, to which bot, and from when to when."""

    kind: str
    target: str
    begin: float
    end: float


def touching(troubles: Iterable[Trouble], kinds: Collection[str]) -> int:
    """Return how many faults were of some kinds."""
    return sum(trouble.kind in kinds for trouble in troubles)


def near(
    troubles: Iterable[Trouble],
    kinds: Collection[str] | None,
    begin: float,
    end: float,
) -> bool:
    """Tell whether a fault (of some kinds, of any with None) was on between two moments."""
    return any(
        (kinds is None or each.kind in kinds)
        and each.begin <= end
        and each.end >= begin
        for each in troubles
    )


def feed_is_calm(troubles: Iterable[Trouble], moment: float) -> bool:
    """Tell whether what was stored at a moment had to come to every page as a frame."""
    return not near(troubles, FEED, moment - RECOVERY_SECONDS, moment + LEAD_SECONDS)


def lives(
    troubles: Iterable[Trouble],
    ended: Callable[[Trouble], bool],
    begin: float,
    end: float,
) -> list[float]:
    """Return the seconds between the faults that end a process, which ``ended`` tells."""
    cuts = sorted(each.begin for each in troubles if ended(each))
    starts = [begin, *(cut + AGAIN_SECONDS for cut in cuts)]
    return [
        max(0.0, last - first) for first, last in zip(starts, [*cuts, end], strict=True)
    ]


def watchable(
    names: Iterable[str],
    troubles: Collection[Trouble],
    span: tuple[float, float],
    warm_up: float,
) -> dict[str, float]:
    """Return for each process the seconds for which its growth could be watched.

    ``bot NAME`` is a bot of its own, ``shared`` those that carry all others: they are
    split after a crash, so only the longest life counts.
    """
    names = tuple(names)
    own = {name.removeprefix("bot ") for name in names if name.startswith("bot ")}

    def ended(name: str, trouble: Trouble) -> bool:
        if trouble.kind != BOT_KILLED:
            return ENDS.get(trouble.kind) == name
        if name == "shared":
            return trouble.target not in own
        return name == f"bot {trouble.target}"

    found = {}
    for name in names:
        each = lives(troubles, lambda t, name=name: ended(name, t), *span)  # type: ignore[misc]
        left = [max(0.0, seconds - warm_up) for seconds in each]
        found[name] = max(left) if name == "shared" else sum(left)
    return found
