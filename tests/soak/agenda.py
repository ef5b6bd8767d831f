"""The faults of a run: which is due, which is put off, which was never done. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.soak.report import Check, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.soak.faults import Fault

# What cannot be done now (its process is away, another fault of the same place is on)
# is tried again so often, and for so long.
AGAIN_SECONDS, PATIENCE_SECONDS = 2.0, 40.0


class Agenda:
    """Hands out faults when they are due; ``skipped`` are those that could not be done."""

    def __init__(self, planned: Sequence[Fault]) -> None:
        self._waiting = [(fault.at, fault) for fault in planned]
        self.planned = tuple(planned)
        self.done: list[Fault] = []
        self.skipped: list[Fault] = []

    def due(self, passed: float) -> Fault | None:
        """Take the next fault; None when none is due ``passed`` seconds after the start."""
        if not self._waiting or self._waiting[0][0] > passed:
            return None
        return self._waiting.pop(0)[1]

    def did(self, fault: Fault) -> None:
        """Note a fault that was done."""
        self.done.append(fault)

    def put_off(self, fault: Fault, passed: float) -> None:
        """Try a fault again in a while, unless that was done for too long."""
        if passed - fault.at > PATIENCE_SECONDS:
            self.skipped.append(fault)
            return
        self._waiting.append((passed + AGAIN_SECONDS, fault))
        self._waiting.sort(key=lambda each: each[0])

    def close(self) -> None:
        """The time is over: what still waits is skipped."""
        self.skipped += [fault for _at, fault in self._waiting]
        self._waiting.clear()

    def check(self) -> Check:
        """Return the check that every kind that was planned was done."""
        done = {fault.kind for fault in self.done}
        never = Counter(f.kind for f in self.planned if f.kind not in done)
        problems = [
            f"{kind}: planned {count} times and never done"
            for kind, count in sorted(never.items())
        ]
        words = f"{len(self.done)} of {len(self.planned)} were done"
        if self.skipped:
            words += f"; skipped: {', '.join(f.told() for f in self.skipped)}"
        return check("faults", words, problems)
