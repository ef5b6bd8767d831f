"""The place of a strategy in a runner: what is asked for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from freqtrade_mgmt.supervisor.hosting_groups import Weight
from freqtrade_mgmt.supervisor.hosting_states import RUNNING

if TYPE_CHECKING:
    from freqtrade_mgmt.supervisor.hosting_states import Status


@dataclass(frozen=True, slots=True)
class Load:
    """What a runner is told of a strategy; ``run`` marks this one start of it."""

    strategy_id: int
    run: str
    weight: Weight = field(default_factory=lambda: Weight.of(1))
    config: str = ""
    userdir: str = ""
    log: str = ""


@dataclass(slots=True)
class Place:
    """One start of a strategy in a runner, and how it goes.

    ``dropped`` is since when it shall not be there, ``asked`` since when the runner knows
    (seconds of the monotonic clock: many are let go of one after the other); ``gone``
    tells that it is not there any more, ``ended`` what the runner said of its end.
    """

    load: Load
    sent: bool = False
    dropped: float | None = None
    asked: float | None = None
    gone: bool = False
    status: Status | None = None
    ended: Status | None = None

    @property
    def inside(self) -> bool:
        """Whether it is, or shall be, in the runner."""
        return not self.gone and self.ended is None

    @property
    def up(self) -> bool:
        """Whether the runner said that it analyses."""
        return self.status is not None and self.status.state == RUNNING

    def note(self, status: Status) -> None:
        """Take in what the runner says; an end is believed for good."""
        if status.run == self.load.run:
            self.status = status
            if status.ended and self.ended is None:
                self.ended = status
