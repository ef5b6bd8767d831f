"""Demonstration: two moving averages cross.

Loaded by freqtrade, never by the Django code. Not a recommendation to trade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import talib.abstract as ta
from freqtrade.strategy import IStrategy

if TYPE_CHECKING:
    from pandas import DataFrame


class DemoEmaCross(IStrategy):
    """Enters when the fast average crosses above the slow one, exits when below.

    ``signal_strength`` (0 to 100): how fast the averages part, measured in average true
    ranges, and how much more than usual is traded.
    """

    INTERFACE_VERSION = 3
    timeframe = "1m"
    can_short = False
    process_only_new_candles = True
    startup_candle_count = 60
    minimal_roi = {"0": 100.0}
    stoploss = -0.99
    use_exit_signal = True

    def version(self) -> str:
        return "1.0"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["ema_fast"] = ta.EMA(dataframe, timeperiod=3)
        dataframe["ema_slow"] = ta.EMA(dataframe, timeperiod=7)
        dataframe["atr"] = ta.ATR(dataframe, timeperiod=14)
        dataframe["volume_ratio"] = (
            dataframe["volume"] / dataframe["volume"].rolling(30).mean()
        )
        dataframe["ema_gap"] = dataframe["ema_fast"] - dataframe["ema_slow"]
        # At the crossing itself the gap is nearly zero: what counts is how fast it opens.
        dataframe["cross_speed"] = dataframe["ema_gap"].diff().abs() / dataframe["atr"]
        strength = 150 * dataframe["cross_speed"] + 15 * dataframe["volume_ratio"]
        dataframe["signal_strength"] = strength.clip(0, 100).fillna(0).round(2)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        gap = dataframe["ema_gap"]
        up = (gap > 0) & (gap.shift(1) <= 0) & (dataframe["volume"] > 0)
        dataframe.loc[up, ["enter_long", "enter_tag"]] = (1, "ema_cross_up")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        gap = dataframe["ema_gap"]
        down = (gap < 0) & (gap.shift(1) >= 0) & (dataframe["volume"] > 0)
        dataframe.loc[down, ["exit_long", "exit_tag"]] = (1, "ema_cross_down")
        return dataframe
