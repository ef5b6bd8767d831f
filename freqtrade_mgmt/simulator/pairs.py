"""The trading pairs of the simulated exchange: names, price ranges, precision."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass

from btc_watcher.lib.errors import ConfigurationError

# Volumes are counted in lots of this many decimals of the base currency.
LOT_DECIMALS = 5

# Where the price of a base currency hovers, in the quote currency.
_PRICES = {
    "BTC": 62_000.0,
    "ETH": 3_100.0,
    "BNB": 580.0,
    "SOL": 148.0,
    "XRP": 0.62,
    "ADA": 0.45,
    "DOGE": 0.14,
    "AVAX": 31.0,
    "DOT": 6.4,
    "LINK": 14.5,
    "LTC": 82.0,
    "TRX": 0.13,
    "ATOM": 8.2,
    "UNI": 9.6,
    "NEAR": 5.7,
    "ETC": 26.0,
    "APT": 8.9,
    "ARB": 0.95,
    "FIL": 5.2,
    "OP": 2.1,
}
DEFAULT_PAIRS: tuple[str, ...] = tuple(f"{base}/USDT" for base in _PRICES)
_NAME = re.compile(r"[A-Z0-9]{1,15}/[A-Z0-9]{1,10}")
_TURNOVER_PER_MINUTE = 60_000.0


@dataclass(frozen=True)
class Pair:
    """One trading pair.

    ``price`` is what its price hovers around, ``decimals`` the decimals of a price and
    ``lots_per_minute`` the usual volume of a minute in lots.
    """

    base: str
    quote: str
    price: float
    decimals: int
    lots_per_minute: float

    @property
    def symbol(self) -> str:
        """The name as Binance writes it, such as BTCUSDT."""
        return f"{self.base}{self.quote}"

    @classmethod
    def named(cls, name: str) -> Pair:
        """Make the pair ``BASE/QUOTE``; a base that is not listed gets a price of its own.

        Raises ConfigurationError when the name has another form.
        """
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is not a pair. Write it as BASE/QUOTE in capitals, such as BTC/USDT."
            )
        base, quote = name.split("/")
        price = _PRICES.get(base) or _invented_price(base)
        return cls(
            base=base,
            quote=quote,
            price=price,
            # Six significant digits, so that the smallest step is far below the noise.
            decimals=max(2, 5 - math.floor(math.log10(price))),
            lots_per_minute=_TURNOVER_PER_MINUTE / price * 10**LOT_DECIMALS,
        )


def _invented_price(base: str) -> float:
    byte = hashlib.sha256(base.encode()).digest()[0]
    return float(f"{0.05 * 10 ** (byte / 255 * 4):.3g}")
