"""Demonstration: the relative strength index turns around.

Loaded by freqtrade, never by the Django code. Not a recommendation to trade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import talib.abstract as ta
from freqtrade.strategy import IStrategy

if TYPE_CHECKING:
    from pandas import DataFrame


class DemoRsiReversal(IStrategy):
    """Enters while the market is oversold and the index rises, exits in the mirror case.

    ``signal_strength`` (0 to 100): how far the index had gone, and how sharply it turned.
    """

    INTERFACE_VERSION = 3
    timeframe = "1m"
    can_short = False
    process_only_new_candles = True
    startup_candle_count = 60
    minimal_roi = {"0": 100.0}
    stoploss = -0.99
    use_exit_signal = True

    oversold = 30
    overbought = 70

    def version(self) -> str:
        return "1.0"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=6)
        dataframe["rsi_change"] = dataframe["rsi"].diff()
        dataframe["rsi_low"] = dataframe["rsi"].rolling(4).min()
        dataframe["rsi_high"] = dataframe["rsi"].rolling(4).max()
        dataframe["rsi_average"] = dataframe["rsi"].rolling(14).mean()
        below = (self.oversold - dataframe["rsi_low"]).clip(lower=0)
        above = (dataframe["rsi_high"] - self.overbought).clip(lower=0)
        extreme = below.where(below > above, above)
        strength = 2.6 * extreme + 1.6 * dataframe["rsi_change"].abs()
        dataframe["signal_strength"] = strength.clip(0, 100).fillna(0).round(2)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        turning = (dataframe["rsi_low"] < self.oversold) & (dataframe["rsi_change"] > 0)
        dataframe.loc[turning, ["enter_long", "enter_tag"]] = (1, "rsi_oversold")
        deep = turning & (dataframe["rsi_low"] < self.oversold - 12)
        dataframe.loc[deep, "enter_tag"] = "rsi_deeply_oversold"
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        turning = (dataframe["rsi_high"] > self.overbought) & (
            dataframe["rsi_change"] < 0
        )
        dataframe.loc[turning, ["exit_long", "exit_tag"]] = (1, "rsi_overbought")
        deep = turning & (dataframe["rsi_high"] > self.overbought + 12)
        dataframe.loc[deep, "exit_tag"] = "rsi_deeply_overbought"
        return dataframe
