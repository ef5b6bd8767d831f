"""The source text of each blueprint, out of its clean values. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.blueprints import parts
from freqtrade_mgmt.blueprints.layout import (
    Marks,
    columns_of,
    head_of,
    strategy_source,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from freqtrade_mgmt.blueprints.parts import Part

INDICATORS: Final[Mapping[str, Callable[[Mapping[str, Any]], Part]]] = {
    "ma": parts.moving_averages,
    "rsi": parts.rsi,
    "macd": parts.macd,
    "bollinger": parts.bollinger,
}
_CLIP = ".clip(0, 100).fillna(0).round(1)"


def ma_cross(class_name: str, timeframe: str, values: Mapping[str, Any]) -> str:
    """Return the strategy of two moving averages."""
    words = "Enters when the fast moving average crosses above the slow one."
    return _single("ma", (class_name, timeframe, values), "ma_cross", words)


def rsi(class_name: str, timeframe: str, values: Mapping[str, Any]) -> str:
    """Return the strategy of the relative strength index."""
    words = "Enters when the relative strength index leaves its oversold zone."
    return _single("rsi", (class_name, timeframe, values), "rsi", words)


def macd(class_name: str, timeframe: str, values: Mapping[str, Any]) -> str:
    """Return the strategy of MACD and signal line."""
    words = "Enters when the MACD line crosses above its signal line."
    return _single("macd", (class_name, timeframe, values), "macd", words)


def bollinger(class_name: str, timeframe: str, values: Mapping[str, Any]) -> str:
    """Return the strategy of the Bollinger bands."""
    words = {
        "reversal": "Enters when the price comes back above the lower Bollinger band.",
        "breakout": "Enters when the price closes above the upper Bollinger band.",
    }[values["bands_use"]]
    return _single("bollinger", (class_name, timeframe, values), "bollinger", words)


def _single(
    part_name: str,
    base: tuple[str, str, Mapping[str, Any]],
    template: str,
    words: str,
) -> str:
    part = INDICATORS[part_name](base[2])
    indicators = f"""\
{columns_of([part])}\
strength = {part.strength}
dataframe["signal_strength"] = strength{_CLIP}
"""
    marks = Marks(part.up, part.down, part.tags)
    return strategy_source(head_of(base, template, words, [part]), indicators, marks)


_HELPERS: Final = '''\
    def recent(self, event: Series) -> Series:
        """Return 1 where the event came within the last candles (window), else 0."""
        return event.astype(int).rolling(self.window, min_periods=1).max()

    def carried(self, strength: Series, event: Series) -> Series:
        """Return the strength that the event had, as long as it counts, else 0."""
        at_event = strength.clip(0, 100).where(event)
        kept = at_event.ffill(limit=max(1, self.window - 1)).fillna(0)
        return kept * self.recent(event)

'''


def confirmed(class_name: str, timeframe: str, values: Mapping[str, Any]) -> str:
    """Return the strategy of several indicators that must agree."""
    chosen = [INDICATORS[name](values) for name in values["indicators"]]
    votes = "".join(_votes(part) for part in chosen)
    indicators = f"""\
{columns_of(chosen)}
{votes}
# How many agree: each counts for as many candles as the window has.
dataframe["votes_up"] = {_sum(f"self.recent({part.name}_up)" for part in chosen)}
dataframe["votes_down"] = {_sum(f"self.recent({part.name}_down)" for part in chosen)}
power_up = {_sum(f"self.carried({p.name}_strength, {p.name}_up)" for p in chosen)}
power_down = {_sum(f"self.carried({p.name}_strength, {p.name}_down)" for p in chosen)}
# Half of the strength is the share that agrees, half how strong those are.
upwards = dataframe["votes_up"] >= dataframe["votes_down"]
votes = dataframe["votes_up"].where(upwards, dataframe["votes_down"])
power = power_up.where(upwards, power_down) / votes.clip(lower=1)
strength = 50 * votes / {len(chosen)} + 0.5 * power
dataframe["signal_strength"] = strength{_CLIP}
"""
    extra = {"agreeing": values["agreeing"], "window": values["window"]}
    words = "Enters when several indicators agree within a few candles."
    head = head_of((class_name, timeframe, values), "confirmed", words, chosen, extra)
    marks = Marks(
        _agreed("up", "down"), _agreed("down", "up"), ("agreed_up", "agreed_down")
    )
    source = strategy_source(head, indicators, marks, _HELPERS)
    return source.replace(
        "from pandas import DataFrame\n", "from pandas import DataFrame, Series\n"
    )


def _votes(part: Part) -> str:
    return f"""\
{part.name}_up = {part.up}
{part.name}_down = {part.down}
{part.name}_strength = {part.strength}
"""


def _sum(terms: Any) -> str:
    inner = "\n    + ".join(terms)
    return f"(\n    {inner}\n)"


def _agreed(side: str, other: str) -> str:
    """Return the expression that is true on the candle which brings the last vote."""
    return f"""\
(
    (dataframe["votes_{side}"] >= self.agreeing)
    & (dataframe["votes_{side}"] > dataframe["votes_{other}"])
    & (dataframe["votes_{side}"] > dataframe["votes_{side}"].shift(1))
)"""


_SKELETON: Final = '''\
"""A strategy to fill in.

Made from the template "empty" of BTC Watcher. Every function gets the closed candles of
one pair as a table (a pandas DataFrame): date, open, high, low, close, volume, the oldest
first. Candles are compared as whole columns, never in a loop.
"""

import talib.abstract as ta
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class {class_name}(IStrategy):
    """Say here what the strategy looks for."""

    INTERFACE_VERSION = 3
    timeframe = "{timeframe}"
    can_short = {can_short}
    # Every candle is analysed once, when it has closed.
    process_only_new_candles = True
    # So many candles pass until the indicators mean something: the longest period below,
    # three times that for exponential averages.
    startup_candle_count = 60
    # Only the marks below end a position: no profit target, no stop that matters.
    minimal_roi = {{"0": 100.0}}
    stoploss = -0.99
    use_exit_signal = True

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        # Every column that is added here is kept with a signal and shown beside it.
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=20)
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        # 0 to 100: from 80 a signal is strong, from 50 medium, from 20 weak.
        dataframe["signal_strength"] = 50.0
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        # Mark the candles on which to enter. For example:
        #
        # rising = (dataframe["close"] > dataframe["ema"]) & (dataframe["rsi"] < 70)
        # dataframe.loc[rising, ["enter_long", "enter_tag"]] = (1, "rising")
{short_entry}        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        # Mark the candles on which to leave. For example:
        #
        # falling = (dataframe["close"] < dataframe["ema"]) & (dataframe["rsi"] > 30)
        # dataframe.loc[falling, ["exit_long", "exit_tag"]] = (1, "falling")
{short_exit}        return dataframe
'''
_SHORT: Final = """\
        # dataframe.loc[{name}, ["{kind}_short", "{kind}_tag"]] = (1, "{name}")
"""


def empty(class_name: str, timeframe: str, values: Mapping[str, Any]) -> str:
    """Return a skeleton with comments."""
    short = bool(values["can_short"])
    return _SKELETON.format(
        class_name=class_name,
        timeframe=timeframe,
        can_short=short,
        short_entry=_SHORT.format(kind="enter", name="falling") if short else "",
        short_exit=_SHORT.format(kind="exit", name="rising") if short else "",
    )
