"""Sums of outcomes by strategy and UTC day, made anew from the rows that changed.

Nothing is counted up: a day is summed whole, from its index, whenever one of its
outcomes was written. So a correction, a crash or two workers cannot make it wrong.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction

from btc_watcher.lib.statements import rows_of
from signals_app.outcomes.statements import (
    FORGET_DAY,
    SUM_DAY_OF_NAMES,
    SUM_DAY_OF_STRATEGIES,
    TAKE_STALE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

# Strategies times days in one transaction, which whoever writes outcomes may wait for.
BATCH: Final = 50


def days_refresh(*, batches: int = 20) -> int:
    """Sum up days whose outcomes have changed; return how many, newest days first."""
    done = 0
    for _batch in range(batches):
        found = _refresh_some()
        done += found
        if found < BATCH:
            break
    return done


def _refresh_some() -> int:
    with transaction.atomic():
        # Taken away first: what is written from now on marks its day again.
        stale = rows_of(TAKE_STALE, [BATCH])
        for wanted in _by_day(stale):
            rows_of(FORGET_DAY, wanted)
            if wanted["ids"]:
                rows_of(SUM_DAY_OF_STRATEGIES, wanted)
            if wanted["names"]:
                rows_of(SUM_DAY_OF_NAMES, wanted)
    return len(stale)


def _by_day(
    stale: Iterable[tuple[date, int, str]],
) -> Iterator[dict[str, Any]]:
    ids: dict[date, list[int]] = defaultdict(list)
    names: dict[date, list[str]] = defaultdict(list)
    for day, strategy_id, name in stale:
        if strategy_id:
            ids[day].append(strategy_id)
        else:
            names[day].append(name)
    for day in sorted({*ids, *names}):
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        yield {
            "day": day,
            "begin": begin,
            "end": begin + timedelta(days=1),
            "ids": ids[day],
            "names": names[day],
        }
