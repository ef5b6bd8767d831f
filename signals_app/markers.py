"""Signals as marks on a chart: few columns, bounded in time, no more than a chart takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib import replica
from signals_app.models import Signal
from signals_app.rows import moment_text, price_text
from signals_app.selectors import is_past

if TYPE_CHECKING:
    from datetime import datetime

LIMIT: Final = 2_000
# Three years of daily candles; each month more is a partition more.
LONGEST: Final = timedelta(days=1_100)
COLUMNS: Final = (
    *("id", "timestamp", "strategy_id", "strategy_name", "strategy_version"),
    *("timeframe", "signal_type", "strength_raw", "strength_level", "priority"),
    *("price", "metadata__mark", "metadata__streak", "metadata__late"),
    "metadata__tag",
)


@dataclass(frozen=True, slots=True)
class Markers:
    """Marks, oldest first; ``cut`` when older ones of the range were left out."""

    markers: list[dict[str, Any]]
    cut: bool


def markers_between(
    exchange: str,
    pair: str,
    since: datetime,
    until: datetime,
    limit: int = LIMIT,
) -> Markers:
    """Return the signals of all strategies on a pair, ``since`` included.

    The newest are kept when there are more than ``limit``, and a range longer than
    three years is cut at its beginning.
    """
    first = max(since, until - LONGEST)
    found = (
        Signal.objects.filter(
            exchange=exchange, pair=pair, timestamp__gte=first, timestamp__lt=until
        )
        .order_by("-timestamp", "-id")
        .values_list(*COLUMNS)
    )

    def rows_at(alias: str) -> list[Any]:
        return list(found.using(alias)[: limit + 1])

    # The live feed goes on from marks that reach up to the present.
    rows = replica.read(rows_at) if is_past(until) else rows_at(replica.PRIMARY)
    shapes = [_shape(dict(zip(COLUMNS, row, strict=True))) for row in rows[:limit]]
    return Markers(shapes[::-1], cut=len(rows) > limit or first > since)


def _shape(row: dict[str, Any]) -> dict[str, Any]:
    """Return one mark with the names that the feed's signals have."""
    return {
        "id": str(row["id"]),
        "timestamp": moment_text(row["timestamp"]),
        "strategy_id": row["strategy_id"],
        "strategy_name": row["strategy_name"],
        "strategy_version": row["strategy_version"],
        "timeframe": row["timeframe"],
        "signal_type": row["signal_type"],
        "strength_raw": float(row["strength_raw"]),
        "strength_level": row["strength_level"],
        "priority": row["priority"],
        "price": price_text(float(row["price"])),
        "metadata": {
            name.removeprefix("metadata__"): row[name]
            for name in COLUMNS
            if name.startswith("metadata__") and row[name] is not None
        },
    }
