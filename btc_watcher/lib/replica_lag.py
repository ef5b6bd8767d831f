"""How far a replica is behind, in seconds. Pure: places in the log and times are given.

The age of the last transaction that was replayed is no measure by itself: while nobody
writes it grows although nothing is missing. So places in the primary's log are noted
with the time at which they were seen; what the replica has replayed of them says up to
when it holds everything.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

# One a second: what lies further back is known well enough from the rest.
KEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Seen:
    """The primary's log had grown to ``place`` (bytes) at ``at`` (monotonic seconds)."""

    at: float
    place: int


class LagMeter:
    """Remembers the primary's places that the replica has not reached yet."""

    def __init__(self) -> None:
        """Nothing is known at first."""
        self._ahead: deque[Seen] = deque()
        self._whole_at: float | None = None

    def note(self, at: float, place: int) -> None:
        """Note where the primary's log ends now."""
        if self._ahead and self._ahead[-1].place == place:
            # Nothing was written since: what was true then is true of this moment too.
            self._ahead.pop()
        if len(self._ahead) < KEPT:
            self._ahead.append(Seen(at, place))

    def lag(self, now: float, replayed: int, age: float | None) -> float | None:
        """Return the seconds that the replica is behind at most; None when unknown.

        ``replayed`` is its place in the log, ``age`` how long ago the last transaction
        that it replayed was committed (None when it has replayed none).
        """
        while self._ahead and self._ahead[0].place <= replayed:
            self._whole_at = self._ahead.popleft().at
        known = [] if age is None else [max(age, 0.0)]
        if self._whole_at is not None:
            known.append(now - self._whole_at)
        return min(known) if known else None
