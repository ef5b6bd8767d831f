"""Python's search for cycles, kept out of the way of what has to be quick."""

from __future__ import annotations

import gc
from typing import Final

# Objects made and not freed before the young ones are searched. A candle close makes some
# hundred thousand that all live until it is stored: with 700 they were searched 130 times,
# which took a tenth of the processor's time for it, and found nothing.
YOUNG: Final = 50_000


def garbage_settle() -> None:
    """Keep what is loaded now, and search the rest rarely. Call it once, after imports."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
