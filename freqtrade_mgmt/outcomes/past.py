"""Outcomes of signals that were stored before: opened and filled, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from freqtrade_mgmt.outcomes.round import BATCH, batch_fill
from signals_app.outcomes.days import days_refresh
from signals_app.outcomes.opening import past_open

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["BATCH", "Filled", "past_fill"]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was done so far; ``last`` is the newest signal that was read."""

    read: int = 0
    opened: int = 0
    written: int = 0
    final: int = 0
    last: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            name: getattr(self, name) for name in ("read", "opened", "written", "final")
        }


def past_fill(
    *,
    since: datetime,
    until: datetime,
    strategy_id: int | None = None,
    again: bool = False,
    batch: int = BATCH,
) -> Iterator[Filled]:
    """Open and fill the outcomes of signals of a range; yield the sums after each batch.

    What cannot be finished now is left to the schedule. The days are summed up as well.
    """
    done = Filled()
    for opened in past_open(
        since=since,
        until=until,
        now=timezone.now(),
        strategy_id=strategy_id,
        again=again,
        batch=batch,
    ):
        figures = batch_fill(opened.ids) if opened.ids else None
        days_refresh()
        done = Filled(
            read=done.read + opened.read,
            opened=done.opened + len(opened.ids),
            written=done.written + (figures.written if figures else 0),
            final=done.final + (figures.final if figures else 0),
            last=opened.last,
        )
        yield done
