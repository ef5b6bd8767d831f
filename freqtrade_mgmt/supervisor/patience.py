"""Which strategies are not started again yet, and why their bots ended. In memory."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from freqtrade_mgmt.supervisor.plan import CRASH_WINDOW, Cause, End, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Waiting:
    """Until when a strategy is not started again, and which revision of it."""

    until: float
    revision: str


class Patience:
    """Remembers the unasked ends of bots. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._waiting: dict[int, Waiting] = {}
        self._ends: dict[int, list[End]] = {}

    def until(self) -> dict[int, float]:
        """Return before which moment each strategy is not started again."""
        return {key: wait.until for key, wait in self._waiting.items()}

    def forgive(self, wanted: Mapping[int, str]) -> None:
        """Forget what somebody stopped, changed or started by hand: it is tried at once.

        ``wanted`` maps the strategies that shall run to their revisions.
        """
        for strategy_id, wait in list(self._waiting.items()):
            if wanted.get(strategy_id) != wait.revision:
                del self._waiting[strategy_id]
                self._ends.pop(strategy_id, None)

    def after_end(
        self, strategy_id: int, revision: str, cause: Cause, reason: str, now: float
    ) -> Verdict:
        """Note an unasked end and return what follows; a delay is kept from now on."""
        ends = [e for e in self._ends.get(strategy_id, []) if now - e.at < CRASH_WINDOW]
        decision = verdict(cause, ends, now, reason, random.random())  # noqa: S311 - jitter
        if decision.give_up:
            self._ends.pop(strategy_id, None)
            return decision
        self._ends[strategy_id] = [*ends, End(now, cause)]
        self._waiting[strategy_id] = Waiting(now + decision.delay, revision)
        return decision
