"""The sources of a hundred strategies: simple ones, and what the editor makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.blueprints import blueprint_code
from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Three indicators and three marks, as most strategies that are published begin.
_SIMPLE: Final = """\
import talib.abstract as ta
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class Simple(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi = {{"0": 100.0}}
    stoploss = -0.99
    process_only_new_candles = True
    startup_candle_count = 30
    use_exit_signal = True

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod={rsi})
        dataframe["ema_fast"] = ta.EMA(dataframe, timeperiod={fast})
        dataframe["ema_slow"] = ta.EMA(dataframe, timeperiod={slow})
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        up = dataframe["ema_fast"] > dataframe["ema_slow"]
        dataframe.loc[up, ["enter_long", "enter_tag"]] = (1, "ema_up")
        dataframe.loc[up & (dataframe["rsi"] > 70), "enter_tag"] = "ema_up_strongly"
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        down = dataframe["ema_fast"] < dataframe["ema_slow"]
        dataframe.loc[down, ["exit_long", "exit_tag"]] = (1, "ema_down")
        return dataframe
"""


def simple(number: int) -> tuple[str, str]:
    """Return the source of one of many simple strategies, and the name of its class."""
    turn, kind = divmod(number, 10)
    code = _SIMPLE.format(rsi=5 + kind, fast=3 + turn, slow=20 + kind)
    return code, "Simple"


def templates(number: int) -> tuple[str, str]:
    """Return the same of the demonstrations and of what the editor's templates make.

    Each grades its signals with columns of its own, and costs two to six times as much.
    """
    turn, kind = divmod(number, 8)
    if kind < len(DEMO_STRATEGIES):
        demo = DEMO_STRATEGIES[kind]
        return demo_source(demo), demo.class_name
    name, values = (
        ("ma_cross", {"fast": 5 + turn, "slow": 30 + turn}),
        ("rsi", {"rsi_period": 7 + turn}),
        ("macd", {"macd_fast": 8 + turn, "macd_slow": 30 + turn}),
        ("bollinger", {"bb_period": 15 + turn}),
        ("confirmed", {"agreeing": 2}),
    )[kind - len(DEMO_STRATEGIES)]
    return blueprint_code(name, "Mine", "1m", values), "Mine"


SOURCES: Final[Mapping[str, Callable[[int], tuple[str, str]]]] = {
    "simple": simple,
    "templates": templates,
}
