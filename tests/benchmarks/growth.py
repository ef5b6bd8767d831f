"""Growth: what a candle close costs with 1, 10 and 100 strategies, and with 10, 100 and
1,000 browsers. Each strategy has a bot of its own and 20 pairs, all of which have a mark.
"""

from __future__ import annotations

from typing import Final

from strategies.models import Strategy
from tests.benchmarks.candle_close import figures
from tests.benchmarks.closing import Size, candles_close
from tests.benchmarks.output import quick, report
from tests.benchmarks.setting import make_strategies

PAIRS: Final = 20
FEW_BROWSERS: Final = 10
FEW_STRATEGIES: Final = 10
SIZES: Final = (
    *(Size(bots, PAIRS, FEW_BROWSERS) for bots in (1, 10, 100)),
    *(Size(FEW_STRATEGIES, PAIRS, browsers) for browsers in (100, 1_000)),
)


def main() -> None:
    """Measure each size and print it."""
    strategies = make_strategies()
    for number in range(len(strategies), max(size.bots for size in SIZES)):
        name = f"bench {number}"
        strategies.append((Strategy.objects.create(name=name).pk, name))
    # Without the middle ones a short run stays short.
    sizes = SIZES[:1] + SIZES[3:4] if quick() else SIZES
    for size in sizes:
        times = candles_close(size, strategies, 1 if quick() else 5)
        report("growth", signals=size.signals, **size._asdict(), **figures(times))
