"""One day of one-minute candles, drawn from a seed.

A day starts and ends at anchor prices that are pure functions of the day's number.
Between them runs a random walk whose character changes every few minutes: trends,
ranges that swing, and volatile stretches. So any day can be made without its past.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from freqtrade_mgmt.simulator.pairs import Pair

DAY_MINUTES = 24 * 60


class Minute(NamedTuple):
    """One minute: prices in ticks, volume in lots, ``quote`` is ticks times lots."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    quote: int
    trades: int


@dataclass(frozen=True)
class Regime:
    """How prices move for some minutes, as logarithmic returns per minute.

    ``drift`` is the mean, ``noise`` the deviation, ``swing`` the amplitude of a wave
    that leads back to where it began, ``activity`` the factor of the volume.
    """

    name: str
    weight: float
    drift: float
    noise: float
    swing: float
    activity: float


REGIMES = (
    Regime("trend up", 0.26, 0.00055, 0.00045, 0.0, 1.3),
    Regime("trend down", 0.26, -0.00055, 0.00045, 0.0, 1.3),
    Regime("range", 0.30, 0.0, 0.00030, 0.0012, 0.7),
    Regime("volatile", 0.18, 0.0, 0.00150, 0.0, 2.4),
)
_SHORTEST, _LONGEST = 6, 18
# Period in days and amplitude of the waves that anchor prices are made of.
_OCTAVES = ((3, 0.015), (11, 0.03), (47, 0.08), (211, 0.15))
_SQRT_3 = 3.0**0.5


def day_of_minutes(seed: int, pair: Pair, day: int) -> list[Minute]:
    """Return the 1440 candles of ``day`` (days since the epoch, UTC)."""
    random = Random(_number(seed, pair.symbol, day))  # noqa: S311 - prices, not secrets
    returns, activity = _returns(random)
    start, end = _anchor(seed, pair, day), _anchor(seed, pair, day + 1)
    # The walk must arrive at the next day's anchor: spread the rest over the day.
    correction = (math.log(end / start) - math.fsum(returns)) / DAY_MINUTES
    candles: list[Minute] = []
    level, open_ = math.log(start), _ticks(start, pair)
    for index in range(DAY_MINUTES):
        level += returns[index] + correction
        last = index == DAY_MINUTES - 1
        close = _ticks(end if last else math.exp(level), pair)
        candles.append(_minute(random, pair, open_, close, activity[index]))
        open_ = close
    return candles


def _returns(random: Random) -> tuple[list[float], list[float]]:
    """Return the logarithmic return and the activity of each minute of a day."""
    returns: list[float] = []
    activity: list[float] = []
    regime: Regime | None = None
    while len(returns) < DAY_MINUTES:
        regime = _next_regime(random, regime)
        length = _SHORTEST + int(random.random() * (_LONGEST - _SHORTEST + 1))
        strength = 0.6 + 0.9 * random.random()
        wave = _wave(random, regime.swing * strength)
        for minute in range(length):
            noise = regime.noise * _normal(random)
            returns.append(regime.drift * strength + noise + wave(minute))
            activity.append(regime.activity)
    return returns[:DAY_MINUTES], activity[:DAY_MINUTES]


def _next_regime(random: Random, previous: Regime | None) -> Regime:
    choice = [regime for regime in REGIMES if regime is not previous]
    point = random.random() * sum(regime.weight for regime in choice)
    for regime in choice:
        point -= regime.weight
        if point < 0:
            return regime
    return choice[-1]


def _wave(random: Random, amplitude: float) -> Callable[[int], float]:
    period, phase = 5 + 5 * random.random(), 2 * math.pi * random.random()
    return lambda minute: amplitude * math.sin(2 * math.pi * minute / period + phase)


def _minute(
    random: Random, pair: Pair, open_: int, close: int, activity: float
) -> Minute:
    wick = 0.0004 * activity
    high = max(open_, close) + round(close * wick * random.random())
    low = max(1, min(open_, close) - round(close * wick * random.random()))
    moved = abs(close - open_) / open_
    volume = (
        pair.lots_per_minute
        * activity
        * (0.4 + 1.2 * random.random())
        * (1 + 300 * moved)
    )
    lots = max(1, round(volume))
    trades = 20 + int(120 * activity * random.random())
    return Minute(open_, high, low, close, lots, lots * ((open_ + close) // 2), trades)


def _anchor(seed: int, pair: Pair, day: int) -> float:
    """Return the price at the start of ``day``: smooth noise around the pair's price."""
    total = 0.0
    for period, amplitude in _OCTAVES:
        cell, offset = divmod(day, period)
        share = (1 - math.cos(math.pi * offset / period)) / 2
        left = _unit(seed, pair.symbol, period, cell)
        right = _unit(seed, pair.symbol, period, cell + 1)
        total += amplitude * (left + (right - left) * share)
    return pair.price * math.exp(total)


def _ticks(price: float, pair: Pair) -> int:
    return max(1, round(price * 10.0**pair.decimals))


def _four(random: Random) -> tuple[float, float, float, float]:
    """Return four numbers in [0, 1) from one draw, which is what takes the time."""
    bits = random.getrandbits(64)
    return (
        (bits & 0xFFFF) / 0x10000,
        (bits >> 16 & 0xFFFF) / 0x10000,
        (bits >> 32 & 0xFFFF) / 0x10000,
        (bits >> 48) / 0x10000,
    )


def _normal(random: Random) -> float:
    """Return about N(0, 1), as a sum whose result is the same on every machine."""
    return (sum(_four(random)) - 2.0) * _SQRT_3


def _unit(*parts: object) -> float:
    """Return a number in [-1, 1) that depends on ``parts`` alone."""
    return (_number(*parts) >> 11) / 2**52 - 1.0


def _number(*parts: object) -> int:
    text = ":".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
