"""What a runner says of the strategies that it hosts. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

LOADING: Final = "loading"
RUNNING: Final = "running"
REFUSED: Final = "refused"
FAILED: Final = "failed"
HUNG: Final = "hung"
# It does not come back from these by itself.
ENDED: Final = frozenset({REFUSED, FAILED, HUNG})
# Failures as of a bot: freqtrade's own words decide what follows, and it is tried again
# where the port was taken, or the process of the runner that had it ended.
AS_BOT: Final = frozenset({"", "load", "port", "worker"})
# What a runner says, and what is stored.
MOVES: Final = {
    "needs_bot": "needs_bot",
    "raised": "raised",
    "memory": "memory",
    "hung": "hung",
    "exit": "ended",
    "ended": "ended",
}
MESSAGE_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Status:
    """One strategy in a runner; ``run`` is the mark of the start that it is about."""

    strategy_id: int
    run: str
    state: str
    error: str = ""
    message: str = ""
    memory_mb: float = 0.0
    analyses: int = 0
    seconds_p50: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether the runner will not analyse anything more for it."""
        return self.state in ENDED

    @property
    def moves(self) -> str:
        """Why it needs a process of its own, as a code; empty: it does not."""
        if self.state == REFUSED:
            return "needs_bot"
        if self.state == HUNG:
            return "hung"
        if self.state != FAILED or self.error in AS_BOT:
            return ""
        return MOVES.get(self.error, "ended")


def status_read(value: object) -> Status | None:
    """Return what a runner said of a strategy; None for what makes no sense.

    It runs the code of strategies, so it could say anything.
    """
    if not isinstance(value, dict):
        return None
    strategy_id = value.get("strategy_id")
    if isinstance(strategy_id, bool) or not isinstance(strategy_id, int):
        return None
    return Status(
        strategy_id=strategy_id,
        run=str(value.get("run") or ""),
        state=str(value.get("state") or ""),
        error=str(value.get("error") or "")[:30],
        message=_sentence(value.get("message")),
        memory_mb=_number(value.get("memory_mb")),
        analyses=int(_number(value.get("analyses"))),
        seconds_p50=_number(value.get("seconds_p50")),
    )


def statuses_read(answer: dict[str, Any]) -> dict[int, Status]:
    """Return what a runner listed, by strategy."""
    listed = answer.get("strategies")
    found = [status_read(each) for each in listed] if isinstance(listed, list) else []
    return {each.strategy_id: each for each in found if each is not None}


def shares(held_mb: float, estimates: dict[int, float]) -> dict[int, float]:
    """Return how a runner's memory is divided: what is nobody's own, by heads."""
    if not estimates:
        return {}
    own = {key: min(mb, held_mb) for key, mb in estimates.items()}
    common = max(0.0, held_mb - sum(own.values())) / len(own)
    scale = min(1.0, held_mb / sum(own.values())) if sum(own.values()) else 1.0
    return {key: mb * scale + common for key, mb in own.items()}


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if math.isfinite(value) and value > 0 else 0.0


def _sentence(value: object) -> str:
    words = " ".join(str(value or "").split())
    return words if len(words) <= MESSAGE_LENGTH else f"{words[:MESSAGE_LENGTH]}…"
