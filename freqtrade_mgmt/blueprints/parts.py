"""The indicators that blueprints are made of, each as pieces of strategy source. Pure.

A piece names class attributes of the strategy (``self.fast``) and columns of its frame;
the only outside values are those attributes, which are numbers that were checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# An exponential average has forgotten what was before after three times its period, an
# average of Wilder's (RSI) after six times.
FORGETS: Final = 3
WILDER_FORGETS: Final = 6
VOLUME_PERIOD: Final = 30
# What "usual" is measured over.
USUAL_PERIOD: Final = 100


@dataclass(frozen=True)
class Part:
    """One indicator.

    ``settings`` become class attributes. ``columns`` are lines of code that fill the
    frame; ``up``, ``down`` (when it speaks for rising or falling) and ``strength`` (0 to
    100, not yet clipped) are expressions. ``needs`` are further columns by name.
    """

    name: str
    settings: Mapping[str, int | float]
    columns: str
    up: str
    down: str
    strength: str
    strength_words: str
    startup: int
    needs: frozenset[str] = frozenset()
    tags: tuple[str, str] = ("up", "down")


# Columns that several indicators share.
SHARED: Final[Mapping[str, str]] = {
    "volume_ratio": f"""\
# 1 is as much as usual, 2 twice as much.
usual_volume = dataframe["volume"].rolling({VOLUME_PERIOD}).mean()
dataframe["volume_ratio"] = dataframe["volume"] / usual_volume
""",
}
SHARED_STARTUP: Final[Mapping[str, int]] = {"volume_ratio": VOLUME_PERIOD}
_VOLUME: Final = frozenset({"volume_ratio"})


def _crosses(column: str, sign: str, level: object) -> str:
    """Return the expression that is true where a column has just passed a level."""
    before = {">": "<=", "<": ">="}[sign]
    value = f'dataframe["{column}"]'
    now, then = f"{value} {sign} {level}", f"{value}.shift(1) {before} {level}"
    return f"({now}) & (\n    {then}\n)"


def moving_averages(values: Mapping[str, Any]) -> Part:
    """Two moving averages cross."""
    slow = values["slow"]
    function = {"ema": "EMA", "sma": "SMA"}[values["average"]]
    return Part(
        name="ma",
        settings={"fast": values["fast"], "slow": slow},
        columns=f"""\
dataframe["ma_fast"] = ta.{function}(dataframe, timeperiod=self.fast)
dataframe["ma_slow"] = ta.{function}(dataframe, timeperiod=self.slow)
dataframe["ma_gap"] = dataframe["ma_fast"] - dataframe["ma_slow"]
# At the crossing itself the gap is nearly zero: what counts is how fast it opens.
# 1 is as fast as usual.
ma_speed = dataframe["ma_gap"].diff().abs()
dataframe["ma_speed"] = ma_speed / ma_speed.rolling({USUAL_PERIOD}).mean()
""",
        up=_crosses("ma_gap", ">", 0),
        down=_crosses("ma_gap", "<", 0),
        strength='28 * dataframe["ma_speed"] + 12 * dataframe["volume_ratio"]',
        strength_words="how fast the averages part, and how much is traded",
        startup=slow * (FORGETS if function == "EMA" else 1) + USUAL_PERIOD,
        needs=_VOLUME,
        tags=("ma_cross_up", "ma_cross_down"),
    )


def rsi(values: Mapping[str, Any]) -> Part:
    """The relative strength index comes back from an extreme."""
    period = values["rsi_period"]
    return Part(
        name="rsi",
        settings={
            "rsi_period": period,
            "oversold": values["oversold"],
            "overbought": values["overbought"],
        },
        columns="""\
dataframe["rsi"] = ta.RSI(dataframe, timeperiod=self.rsi_period)
# How far it had gone into the extreme of late, as a share of the zone.
rsi_low = dataframe["rsi"].rolling(5).min()
rsi_high = dataframe["rsi"].rolling(5).max()
rsi_below = (self.oversold - rsi_low).clip(lower=0) / self.oversold
rsi_above = (rsi_high - self.overbought).clip(lower=0) / (100 - self.overbought)
dataframe["rsi_extreme"] = rsi_below.where(rsi_below > rsi_above, rsi_above)
""",
        up=_crosses("rsi", ">", "self.oversold"),
        down=_crosses("rsi", "<", "self.overbought"),
        strength='30 + 150 * dataframe["rsi_extreme"]',
        strength_words="how far the index had gone into its extreme",
        startup=period * WILDER_FORGETS,
        tags=("rsi_leaves_oversold", "rsi_leaves_overbought"),
    )


def macd(values: Mapping[str, Any]) -> Part:
    """The MACD line crosses its signal line."""
    return Part(
        name="macd",
        settings={
            "macd_fast": values["macd_fast"],
            "macd_slow": values["macd_slow"],
            "macd_signal": values["macd_signal"],
        },
        columns=f"""\
macd = ta.MACD(
    dataframe,
    fastperiod=self.macd_fast,
    slowperiod=self.macd_slow,
    signalperiod=self.macd_signal,
)
dataframe["macd"] = macd["macd"]
dataframe["macd_signal"] = macd["macdsignal"]
dataframe["macd_histogram"] = macd["macdhist"]
# How fast the two lines part: 1 is as fast as usual.
macd_speed = dataframe["macd_histogram"].diff().abs()
dataframe["macd_speed"] = macd_speed / macd_speed.rolling({USUAL_PERIOD}).mean()
""",
        up=_crosses("macd_histogram", ">", 0),
        down=_crosses("macd_histogram", "<", 0),
        strength='22 * dataframe["macd_speed"] + 12 * dataframe["volume_ratio"]',
        strength_words="how fast the two lines part, and how much is traded",
        startup=(values["macd_slow"] + values["macd_signal"]) * FORGETS + USUAL_PERIOD,
        needs=_VOLUME,
        tags=("macd_cross_up", "macd_cross_down"),
    )


# When the price speaks for rising and for falling, by the kind of use of the bands.
_BAND_USES: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "reversal": (
        _crosses("bb_position", ">", 0),
        _crosses("bb_position", "<", 1),
        "bb_back_from_below",
        "bb_back_from_above",
    ),
    "breakout": (
        _crosses("bb_position", ">", 1),
        _crosses("bb_position", "<", 0),
        "bb_breakout_up",
        "bb_breakout_down",
    ),
}


def bollinger(values: Mapping[str, Any]) -> Part:
    """The price leaves its Bollinger bands, or comes back into them."""
    up, down, up_tag, down_tag = _BAND_USES[values["bands_use"]]
    return Part(
        name="bollinger",
        settings={
            "bb_period": values["bb_period"],
            "bb_deviations": float(values["bb_deviations"]),
        },
        columns="""\
bands = ta.BBANDS(
    dataframe,
    timeperiod=self.bb_period,
    nbdevup=self.bb_deviations,
    nbdevdn=self.bb_deviations,
)
dataframe["bb_upper"] = bands["upperband"]
dataframe["bb_middle"] = bands["middleband"]
dataframe["bb_lower"] = bands["lowerband"]
bb_width = dataframe["bb_upper"] - dataframe["bb_lower"]
# 0 is the lower band, 1 the upper one.
above_lower = dataframe["close"] - dataframe["bb_lower"]
dataframe["bb_position"] = above_lower / bb_width
# How far outside the price closed within the last candles, in widths of the bands.
bb_outside = ((dataframe["bb_position"] - 0.5).abs() - 0.5).clip(lower=0)
dataframe["bb_outside"] = bb_outside.rolling(5).max()
""",
        up=up,
        down=down,
        strength="""(
    25 + 250 * dataframe["bb_outside"] + 10 * dataframe["volume_ratio"]
)""",
        strength_words="how far outside of the bands it closed, and how much is traded",
        startup=values["bb_period"] + 5,
        needs=_VOLUME,
        tags=(up_tag, down_tag),
    )
