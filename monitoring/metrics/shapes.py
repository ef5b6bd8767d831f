"""A measurement, and how it is made to fit its column. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

# What the column of ten digits takes, four of them after the point.
LARGEST: Final = Decimal("999999.9999")
PLACES: Final = Decimal("0.0001")

CPU, MEMORY, DISK, NETWORK = "cpu", "memory", "disk", "network"
HOST, API, FREQTRADE = "host", "api", "freqtrade"
DATABASE, REDIS = "database", "redis"
GROUPS: Final = (API, FREQTRADE, DATABASE, REDIS, "worker", "beat", "supervisor")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one series. ``host`` is "" for servers that all hosts share."""

    component: str
    metric_type: str
    name: str
    value: float
    unit: str
    host: str = ""
    processes: int | None = None


def fitted(value: float) -> Decimal | None:
    """Return a value as its column takes it; None for what is no number.

    What is too large for the column is the largest that fits: a wrong unit is seen so,
    and a round is not lost.
    """
    if not math.isfinite(value):
        return None
    # Bounded first: a number of thirty digits cannot be rounded to four places.
    bounded = max(-float(LARGEST), min(float(LARGEST), float(value)))
    return Decimal(repr(bounded)).quantize(PLACES)
