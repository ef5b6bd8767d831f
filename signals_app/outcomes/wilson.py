"""How sure a share is. Pure."""

from __future__ import annotations

from math import sqrt
from typing import Final

# Of the normal distribution, for 95 %.
Z: Final = 1.959963984540054


def interval(right: int, count: int) -> tuple[float, float] | None:
    """Return Wilson's 95 % interval of ``right`` of ``count``, both from 0 to 1.

    Where the plain share says 100 % of three, it says 44 % to 100 %: it never claims more
    than so few can show. None of nothing is known: None.
    """
    if not 0 <= right <= count:
        message = f"{right} of {count} is no share; both must be counts."
        raise ValueError(message)
    if count == 0:
        return None
    share, square = right / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = (
        Z
        * sqrt(share * (1 - share) / count + square / (4 * count * count))
        / (1 + square / count)
    )
    # Both ends are exact where rounding would leave a little.
    low = 0.0 if right == 0 else max(0.0, middle - half)
    high = 1.0 if right == count else min(1.0, middle + half)
    return low, high
