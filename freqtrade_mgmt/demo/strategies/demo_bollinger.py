"""Demonstration: the price breaks out of its Bollinger bands.

Loaded by freqtrade, never by the Django code. Not a recommendation to trade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import talib.abstract as ta
from freqtrade.strategy import IStrategy

if TYPE_CHECKING:
    from pandas import DataFrame


class DemoBollinger(IStrategy):
    """Enters while the price closes above the upper band, exits while below the lower one.

    A break-out lasts as long as it lasts, so marks may come on several candles in a row.
    ``signal_strength`` (0 to 100): how far outside the band the price closed, in band
    widths, and how much more than usual is traded.
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
        bands = ta.BBANDS(dataframe, timeperiod=20, nbdevup=1.7, nbdevdn=1.7)
        dataframe["bb_upper"] = bands["upperband"]
        dataframe["bb_middle"] = bands["middleband"]
        dataframe["bb_lower"] = bands["lowerband"]
        width = dataframe["bb_upper"] - dataframe["bb_lower"]
        dataframe["bb_width_percent"] = 100 * width / dataframe["bb_middle"]
        # 0 is the lower band, 1 the upper one.
        dataframe["bb_position"] = (dataframe["close"] - dataframe["bb_lower"]) / width
        dataframe["volume_ratio"] = (
            dataframe["volume"] / dataframe["volume"].rolling(30).mean()
        )
        outside = (dataframe["bb_position"] - 0.5).abs() - 0.5
        strength = 380 * outside.clip(lower=0) + 20 * dataframe["volume_ratio"]
        dataframe["signal_strength"] = strength.clip(0, 100).fillna(0).round(2)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        above = (dataframe["bb_position"] > 1) & (dataframe["volume"] > 0)
        dataframe.loc[above, ["enter_long", "enter_tag"]] = (1, "bb_breakout_up")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        below = (dataframe["bb_position"] < 0) & (dataframe["volume"] > 0)
        dataframe.loc[below, ["exit_long", "exit_tag"]] = (1, "bb_breakout_down")
        return dataframe
