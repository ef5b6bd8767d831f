"""Strategies of the tests: what a runner must do exactly as a bot does."""

from __future__ import annotations

HEAD = """
import talib.abstract as ta
import numpy as np
import pandas as pd
from datetime import datetime, timezone
from freqtrade.strategy import IStrategy, IntParameter, informative, merge_informative_pair


class {name}(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "{timeframe}"
    stoploss = -0.5
    minimal_roi = {{"0": 1}}
    startup_candle_count = {startup}
"""
TREND = """
    def populate_entry_trend(self, dataframe, metadata):
        up = dataframe["close"] > dataframe["ema"]
        dataframe.loc[up, ["enter_long", "enter_tag"]] = (1, "up")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        down = dataframe["close"] < dataframe["ema"]
        dataframe.loc[down, ["exit_long", "exit_tag"]] = (1, "down_" + metadata["pair"])
        return dataframe
"""
# The same class in several folders, each with other numbers.
PLAIN = """
    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod={period})
        dataframe["length"] = len(dataframe)
        dataframe["number"] = range(len(dataframe))
        return dataframe
"""
INFORMATIVE = """
    @informative("5m")
    @informative("15m", "BTC/{stake}", fmt="btc_{column}_{timeframe}")
    def populate_indicators_more(self, dataframe, metadata):
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        dataframe["rows"] = len(dataframe)
        return dataframe

    @informative("1h", "{BASE}/{QUOTE}")
    def populate_indicators_hour(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=50)
        return dataframe

    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=20)
        return dataframe
"""
PAIRS = """
    def informative_pairs(self):
        return [(p, "5m") for p in self.dp.current_whitelist()] + [("SOL/USDT", "15m", "")]

    def bot_start(self, **kwargs):
        self.began = 7

    def bot_loop_start(self, current_time, **kwargs):
        self.looped = getattr(self, "looped", 0) + 1

    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=20)
        dataframe["began"] = self.began + bool(self.looped)
        for pair, timeframe in ((metadata["pair"], "5m"), ("SOL/USDT", "15m")):
            other = self.dp.get_pair_dataframe(pair, timeframe)
            other["mean"] = other["close"].rolling(9).mean()
            other["rows"] = len(other)
            dataframe = merge_informative_pair(dataframe, other, "1m", timeframe, ffill=True)
        dataframe["precision"] = str(self.dp.market(metadata["pair"])["precision"])
        return dataframe
"""
# Everything that a column may hold, and parameters.
COLUMNS = """
    fast = IntParameter(2, 20, default=5, space="buy")

    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=self.fast.value)
        bands = ta.BBANDS(dataframe["close"], timeperiod=20)
        dataframe["upper"] = bands[0]
        dataframe["flag"] = dataframe["close"] > dataframe["open"]
        dataframe["word"] = np.where(dataframe["flag"], "green", "red")
        dataframe["endless"] = np.where(dataframe["flag"], np.inf, -np.inf)
        dataframe["nothing"] = np.nan
        dataframe["tiny"] = dataframe["close"] / 1e13
        dataframe["whole"] = dataframe["volume"].astype("int64")
        dataframe["later"] = dataframe["date"] + pd.Timedelta(minutes=1)
        dataframe["kind"] = pd.Categorical(dataframe["word"])
        return dataframe
"""


def source(
    body: str, *, name: str = "Mine", timeframe: str = "1m", startup: int = 30
) -> str:
    """Return a strategy with ``body`` between its head and its trends."""
    head = HEAD.format(name=name, timeframe=timeframe, startup=startup)
    return head + body + TREND


def plain(period: int, *, timeframe: str = "1m", startup: int = 30) -> str:
    """Return one that shows how long its frames are."""
    return source(PLAIN.format(period=period), timeframe=timeframe, startup=startup)
