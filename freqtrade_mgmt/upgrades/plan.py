"""What comes next in an upgrade or a downgrade. Pure: the clock is an argument.

One strategy at a time is moved, and each has to be proven before the next. The first is
the canary, which is watched for a while. Whatever goes wrong takes all of them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

# Stop, start and first analysis of one bot, on a machine that has other work.
PROVE: Final = timedelta(seconds=240)
# For how long one that was proven may be away, as after a crash.
LOST: Final = timedelta(seconds=120)
CRASHES: Final = 2


class Stage(StrEnum):
    """How far an operation has come."""

    CHECK = "check"
    BACKUP = "backup"
    MOVE = "move"
    RETURN = "return"


class Kind(StrEnum):
    """What can be done next."""

    WAIT = "wait"
    CHECK = "check"
    BACKUP = "backup"
    MOVE = "move"
    PROVEN = "proven"
    WATCH = "watch"
    WATCHED = "watched"
    COMPLETE = "complete"
    CANCEL = "cancel"
    TURN_BACK = "turn_back"
    TAKE_BACK = "take_back"
    FINISH_BACK = "finish_back"


@dataclass(frozen=True, slots=True)
class Operation:
    """An upgrade or downgrade that is under way. Strategies are named by their ids.

    ``moved`` are on the new version, ``proven`` were seen running on it; ``back`` are to
    be taken back and stand still until they are, ``returned`` were taken back.
    ``order`` is in which they move; the canary comes first whatever it says.
    ``moved_at`` is when the last one was moved, ``watch_until`` when the watch of the
    canary ends, None before it began. ``stop`` is why somebody wants it ended.
    """

    id: int
    stage: Stage
    from_version: str
    to_version: str
    canary: int | None = None
    order: tuple[int, ...] = ()
    moved: frozenset[int] = frozenset()
    proven: frozenset[int] = frozenset()
    back: frozenset[int] = frozenset()
    returned: frozenset[int] = frozenset()
    moved_at: datetime | None = None
    watch_until: datetime | None = None
    watched: bool = False
    returned_at: datetime | None = None
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A strategy without a pin as the supervisor sees it.

    ``waits``: it may not run before its proxy is back, which says nothing of a version.
    ``version`` is what its living process runs, empty without one; ``away_since`` is
    since when it is wanted and was seen not running, None otherwise. ``crashes`` counts its
    unasked ends since it was moved, ``fatal`` is why it is not started again, ``worse``
    why its health is worse than before, ``doubtful`` that it may be. ``reason`` are its last words.
    """

    wanted: bool = True
    waits: bool = False
    version: str = ""
    running: bool = False
    away_since: datetime | None = None
    crashes: int = 0
    fatal: str = ""
    worse: str = ""
    doubtful: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, to which strategy, and why: a code of words.py with values."""

    kind: Kind
    strategy_id: int | None = None
    why: str = ""
    words: str = ""


WAIT: Final = Step(Kind.WAIT)


def next_step(op: Operation, seen: Mapping[int, Seen], now: datetime) -> Step:
    """Return what to do now; ``seen`` holds every strategy that has no pin."""
    if op.stage is Stage.RETURN:
        return _returning(op, seen, now)
    if op.stop:
        return _stopped(op)
    if op.stage is Stage.CHECK:
        return Step(Kind.CHECK)
    if op.stage is Stage.BACKUP:
        return Step(Kind.BACKUP)
    return _moving(op, seen, now)


def fault(
    op: Operation, strategy_id: int, seen: Seen, now: datetime
) -> tuple[str, str] | None:
    """Return why a strategy that was moved condemns the new version: code and words."""
    if not seen.wanted or seen.waits:
        return None
    if seen.fatal:
        return "cannot_run", seen.fatal
    if seen.crashes >= CRASHES:
        return "crashes", seen.reason
    if seen.worse:
        return "worse", seen.worse
    return _too_late(op, strategy_id, seen, now)


def _too_late(
    op: Operation, strategy_id: int, seen: Seen, now: datetime
) -> tuple[str, str] | None:
    if strategy_id not in op.proven:
        # Of one that was stopped and is started again, the time begins anew.
        begun = max(filter(None, (op.moved_at, seen.away_since)), default=now)
        return ("not_proven", seen.reason) if now - begun > PROVE else None
    away = seen.away_since is not None and now - seen.away_since > LOST
    return ("lost", seen.reason) if away else None


def _stopped(op: Operation) -> Step:
    if op.moved:
        return Step(Kind.TURN_BACK, None, "asked", op.stop)
    return Step(Kind.CANCEL, None, "cancelled", op.stop)


def _moving(op: Operation, seen: Mapping[int, Seen], now: datetime) -> Step:
    for strategy_id in _in_order(op, op.moved):
        found = fault(op, strategy_id, seen.get(strategy_id, _GONE), now)
        if found is not None:
            return Step(Kind.TURN_BACK, strategy_id, *found)
    for strategy_id in _in_order(op, op.moved - op.proven):
        mine = seen.get(strategy_id, _GONE)
        if mine.running and mine.version == op.to_version:
            return Step(Kind.PROVEN, strategy_id)
        if mine.wanted and not mine.waits:
            return WAIT
    return _watching(op, seen, now) or _next_move(op, seen)


def _watching(op: Operation, seen: Mapping[int, Seen], now: datetime) -> Step | None:
    """Return what the watch of the canary asks for; None when it is over."""
    if op.canary is None or op.canary not in op.moved or op.watched:
        return None
    canary = seen.get(op.canary, _GONE)
    if not canary.wanted:
        return Step(Kind.TURN_BACK, op.canary, "canary_stopped")
    if op.watch_until is None:
        return Step(Kind.WATCH, op.canary)
    if now < op.watch_until or not canary.running or canary.doubtful:
        return WAIT
    return Step(Kind.WATCHED, op.canary)


def _next_move(op: Operation, seen: Mapping[int, Seen]) -> Step:
    # Also those that somebody started meanwhile: they would move unwatched in the end.
    # Those that wait for a proxy are like those that stand still.
    wanted = {key for key, each in seen.items() if each.wanted and not each.waits}
    for strategy_id in _in_order(op, frozenset(wanted - op.moved)):
        return Step(Kind.MOVE, strategy_id)
    return Step(Kind.COMPLETE)


def _returning(op: Operation, seen: Mapping[int, Seen], now: datetime) -> Step:
    for strategy_id in _in_order(op, op.back):
        if not seen.get(strategy_id, _GONE).version:
            return Step(Kind.TAKE_BACK, strategy_id)
    if op.back:
        return WAIT
    away = not_back(op, seen)
    begun = op.returned_at
    if away and begun is not None and now - begun <= PROVE:
        return WAIT
    return Step(Kind.FINISH_BACK)


def not_back(op: Operation, seen: Mapping[int, Seen]) -> list[int]:
    """Return those that were taken back and do not run on the old version (yet)."""
    return [
        key
        for key in _in_order(op, op.returned)
        if (each := seen.get(key, _GONE)).wanted
        and not each.waits
        and not (each.running and each.version == op.from_version)
    ]


def _in_order(op: Operation, ids: frozenset[int]) -> Iterator[int]:
    place = {key: number for number, key in enumerate(op.order)}
    yield from sorted(
        ids, key=lambda key: (key != op.canary, place.get(key, len(place)), key)
    )


# Deleted or pinned meanwhile: nobody waits for it.
_GONE: Final = Seen(wanted=False)
