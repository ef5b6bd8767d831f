"""How many signals a day brought, by hour, direction and level."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.statements import rows_of
from signals_app.cache import day_get, day_set

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

HOUR: Final = timedelta(hours=1)
# Both bounds are given, so that PostgreSQL looks at the months between them alone.
COUNT: Final = """
SELECT floor(extract(epoch FROM timestamp - %(since)s) / 3600)::integer AS hour,
       signal_type, strength_level, count(*)
  FROM signals
 WHERE timestamp >= %(since)s AND timestamp < %(until)s
 GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Day:
    """Signals from ``since`` on, by (hour, direction, level); hours count from 0."""

    since: datetime
    counts: Mapping[tuple[int, str, str], int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def by_kind(self) -> Mapping[tuple[str, str], int]:
        """Return how many there are of each direction and level."""
        found: Counter[tuple[str, str]] = Counter()
        for (_hour, kind, level), count in self.counts.items():
            found[kind, level] += count
        return found

    def by_hour(self) -> Mapping[tuple[int, str], int]:
        """Return how many there are of each hour and direction."""
        found: Counter[tuple[int, str]] = Counter()
        for (hour, kind, _level), count in self.counts.items():
            found[hour, kind] += count
        return found


def signals_of_day(since: datetime, until: datetime) -> Day:
    """Return the signals of a day at most; kept for some seconds for all who ask.

    Raises Django's database errors.
    """
    until = min(until, since + 25 * HOUR)
    key = since.isoformat()
    rows = day_get(key)
    if rows is None:
        found = rows_of(COUNT, {"since": since, "until": until})
        rows = [list(row) for row in found]
        day_set(key, rows)
    return Day(since, {(row[0], row[1], row[2]): row[3] for row in rows})
