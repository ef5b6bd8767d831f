"""The demonstration strategies: their names, pairs and source text.

The strategies themselves run inside freqtrade and are never imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent / "strategies"


@dataclass(frozen=True)
class DemoStrategy:
    """One demonstration strategy, for the simulated exchange.

    ``name`` is shown to people, ``filename`` lies in the folder ``strategies`` here.
    """

    name: str
    description: str
    class_name: str
    filename: str
    pairs: tuple[str, ...]
    timeframe: str = "1m"


DEMO_STRATEGIES: tuple[DemoStrategy, ...] = (
    DemoStrategy(
        name="Demo EMA Cross",
        description=(
            "Two exponential averages of 3 and 7 candles cross. Strong when they part"
            " fast on a high volume."
        ),
        class_name="DemoEmaCross",
        filename="demo_ema_cross.py",
        pairs=("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT"),
    ),
    DemoStrategy(
        name="Demo RSI Reversal",
        description=(
            "The relative strength index turns back from below 30 or above 70. Strong"
            " when it had gone far and turns sharply."
        ),
        class_name="DemoRsiReversal",
        filename="demo_rsi_reversal.py",
        pairs=("BTC/USDT", "BNB/USDT", "ADA/USDT", "LINK/USDT"),
    ),
    DemoStrategy(
        name="Demo Bollinger Breakout",
        description=(
            "The price closes outside its Bollinger bands of 20 candles. Strong when it"
            " closes far outside on a high volume."
        ),
        class_name="DemoBollinger",
        filename="demo_bollinger.py",
        pairs=("ETH/USDT", "SOL/USDT", "DOGE/USDT", "AVAX/USDT"),
    ),
)


def demo_source(strategy: DemoStrategy) -> str:
    """Return the Python source text of ``strategy``."""
    return (_FOLDER / strategy.filename).read_text(encoding="utf-8")
