"""Rows of the history's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals_app.outcomes.choices import choices_of
from signals_app.outcomes.reading import outcomes_of
from signals_app.outcomes.rows_shown import SignalRow, signal_rows
from signals_app.selectors import deliveries_of
from signals_app.shapes import notice_shape
from signals_app.words import notice_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signals_app.models import Signal


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One signal: what became of it, and of its notifications (see ``notice_words``)."""

    row: SignalRow
    notice: Mapping[str, str]
    channels: str

    @property
    def signal(self) -> Signal:
        """The signal itself."""
        return self.row.signal


def history_rows(signals: Sequence[Signal], user_id: int) -> list[HistoryRow]:
    """Return rows for a page of signals, in a fixed number of queries."""
    choices = choices_of(user_id, [signal.pk for signal in signals])
    deliveries = deliveries_of(signals)
    found = []
    for row in signal_rows(signals, outcomes_of(signals), choices):
        notice = notice_shape(row.signal.metadata, deliveries[row.signal.pk])
        channels = ", ".join(notice["channels"])
        found.append(HistoryRow(row, notice_words(notice), channels))
    return found
