"""What type, level and priority a signal must have. Pure, and not the system's own."""

from __future__ import annotations

from typing import NamedTuple

# From which strength on, with the thresholds that a strategy has when nobody sets any.
STRONG, MEDIUM = 80.0, 50.0
TYPES = {"enter_long": "BUY", "exit_long": "SELL", "enter_long+exit_long": "HOLD"}


class Level(NamedTuple):
    """How strong a signal is called, and how urgent it is."""

    level: str
    priority: str


class Grade(NamedTuple):
    """What a stored signal says besides its mark and its price."""

    type: str
    strength: float
    level: str
    priority: str

    def told(self) -> str:
        """Return it in words."""
        return f"{self.type} {self.strength:g} {self.level} {self.priority}"


def graded(strength: float) -> Level:
    """Return the level and priority of a strength in 0 to 100."""
    if strength >= STRONG:
        return Level("strong", "P0")
    return Level("medium", "P1") if strength >= MEDIUM else Level("weak", "P2")


def grade_of(mark: str, strength: float) -> Grade:
    """Return what a mark of one strength must be stored as."""
    return Grade(TYPES.get(mark, ""), strength, *graded(strength))
