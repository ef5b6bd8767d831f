"""What every figure needs: options, medians, one JSON object a figure."""

from __future__ import annotations

import json
import statistics
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def quick() -> bool:
    """Tell whether few repetitions are wanted."""
    return "--quick" in sys.argv


def option(name: str, otherwise: int) -> int:
    """Return the number after ``name`` on the command line."""
    if name not in sys.argv:
        return otherwise
    return int(sys.argv[sys.argv.index(name) + 1])


def report(figure: str, **values: Any) -> None:
    """Print one figure as one JSON object."""
    rounded = {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in values.items()
    }
    sys.stdout.write(json.dumps({"figure": figure, **rounded}) + "\n")
    sys.stdout.flush()


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)
