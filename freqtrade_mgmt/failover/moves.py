"""Bots change their way one at a time, so that never all of them are away. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

# A bot that does not come back must not keep the others on a way that is dead.
MOVE_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Move:
    """A bot that is being moved since a moment, in seconds of one clock."""

    strategy_id: int
    since: float


def move_next(
    moving: Move | None,
    pending: Collection[int],
    settled: Collection[int],
    now: float,
) -> Move | None:
    """Return the move that goes on or begins now.

    ``pending`` are the strategies whose bots run on another way than they should,
    ``settled`` those that nobody has to wait for: they run where they should, or are
    not wanted any more.
    """
    if (
        moving is not None
        and moving.strategy_id not in settled
        and now - moving.since < MOVE_SECONDS
    ):
        return moving
    # One that took too long goes to the end of the line.
    late = moving.strategy_id if moving is not None else None
    order = sorted(pending, key=lambda number: (number == late, number))
    return Move(order[0], now) if order else None


def only_way_differs(wanted: str, running: str) -> bool:
    """Tell whether two revisions name the same but for the way, their last part."""
    before, _plus, way = wanted.rpartition("+")
    was, _plus, old_way = running.rpartition("+")
    return bool(before) and before == was and way != old_way
