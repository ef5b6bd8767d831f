"""The statistics for pages and API: kept for a moment, however many ask."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from signals_app.cache import statistics_get, statistics_set
from signals_app.outcomes.statistics import (
    Horizon,
    Row,
    Statistics,
    statistics_read,
)

if TYPE_CHECKING:
    from typing import Any

    from signals_app.outcomes.statistics import StatisticsFilter


def statistics_of(wanted: StatisticsFilter, by: str) -> Statistics:
    """Do as ``statistics_read``; an answer may be a minute old."""
    question = repr((wanted, by))
    kept = statistics_get(question)
    if kept is not None:
        return _revived(kept)
    found = statistics_read(wanted, by)
    # The first outcome is to be seen when it comes.
    if found.rows:
        statistics_set(question, asdict(found))
    return found


def _revived(kept: dict[str, Any]) -> Statistics:
    return Statistics(
        [_row(row) for row in kept["rows"]],
        [_row(row) for row in kept["total"]],
        kept["exact"],
    )


def _row(row: dict[str, Any]) -> Row:
    horizons = {int(n): Horizon(**each) for n, each in row["horizons"].items()}
    return Row(**(row | {"horizons": horizons}))
