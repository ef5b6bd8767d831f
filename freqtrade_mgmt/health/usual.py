"""How many signals each strategy gave in 24 hours, and how many are usual."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.statements import rows_of
from freqtrade_mgmt.cache.status import COUNTS_SECONDS, counts_read, counts_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DAY: Final = timedelta(days=1)
USUAL_DAYS: Final = 7
# Both bounds are given, so that PostgreSQL looks at the months between them alone.
COUNT: Final = (
    "SELECT strategy_id, count(*) FROM signals"
    " WHERE timestamp >= %s AND timestamp < %s AND strategy_id IS NOT NULL"
    " GROUP BY strategy_id"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Signals by strategy: of the last 24 hours, and of the seven days before."""

    day: Mapping[int, int] = field(default_factory=dict)
    usual: Mapping[int, int] = field(default_factory=dict)

    def of(
        self, strategy_id: int, created_at: datetime, now: datetime
    ) -> tuple[int, float | None]:
        """Return the day's signals and the usual number a day.

        The second is None while the strategy has not existed for two days: nothing is
        usual then.
        """
        days = min((now - DAY - created_at) / DAY, float(USUAL_DAYS))
        if days < 1:
            return self.day.get(strategy_id, 0), None
        usual = round(self.usual.get(strategy_id, 0) / days, 1)
        return self.day.get(strategy_id, 0), usual


class SignalCounter:
    """Counts with one statement for all strategies, rarely; Redis keeps the counts.

    This process keeps them too, so that a flushed or absent Redis does not make every
    round count again.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, dict[int, int]]] = {}

    def counts(self, now: datetime) -> Counts:
        """Return the counts; raises Django's database errors."""
        yesterday = now - DAY
        return Counts(
            # What closes in the next minute is of today as well: clocks differ.
            day=self._read("day", yesterday, now + timedelta(minutes=1)),
            usual=self._read("usual", yesterday - USUAL_DAYS * DAY, yesterday),
        )

    def _read(self, kind: str, start: datetime, end: datetime) -> Mapping[int, int]:
        found = counts_read(kind)
        if found is not None:
            return found
        moment = time.monotonic()
        counted, kept = self._kept.get(kind, (float("-inf"), {}))
        if moment - counted < COUNTS_SECONDS[kind]:
            return kept
        fresh = {key: int(number) for key, number in rows_of(COUNT, [start, end])}
        self._kept[kind] = moment, fresh
        counts_write(kind, fresh)
        return fresh
