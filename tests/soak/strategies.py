"""The strategies of the soak: what freqtrade runs, and the rule the oracle computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from freqtrade_mgmt.demo import DEMO_STRATEGIES
from tests.soak import rules

if TYPE_CHECKING:
    from tests.soak.rules import Bar, Rule

_CODE = """
from freqtrade.strategy import IStrategy


class {name}(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    can_short = False
    process_only_new_candles = True
    startup_candle_count = 30
    minimal_roi = {{"0": 100.0}}
    stoploss = -0.99
    use_exit_signal = True

    def populate_indicators(self, dataframe, metadata):
        minute = dataframe["date"].dt.minute
        dataframe["signal_strength"] = 95 - 25 * (minute % 4)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        minute = dataframe["date"].dt.minute
        dataframe.loc[{enters}, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        minute = dataframe["date"].dt.minute
        dataframe.loc[{exits}, "exit_long"] = 1
        return dataframe
"""
_RISES = '(dataframe["close"] > dataframe["open"])'
_FALLS = '(dataframe["close"] < dataframe["open"])'
_HIGHEST = 'dataframe["high"].shift(1).rolling(5).max()'
_LOWEST = 'dataframe["low"].shift(1).rolling(5).min()'


class StrengthRule(Protocol):
    """What strength a candle's marks have."""

    def __call__(self, bar: Bar, /) -> float:
        """Return it, 0 to 100."""


def by_minute(bar: Bar) -> float:
    """Return the strength of a candle, as the code above has it."""
    return 95.0 - 25 * (bar.open_ms // rules.MINUTE_MS % 60 % 4)


@dataclass(frozen=True)
class Soaked:
    """One strategy: ``code`` is "" where the demonstration brings it.

    ``strength`` is None where it hangs on indicators that only freqtrade computes.
    """

    name: str
    pairs: tuple[str, ...]
    rule: Rule
    class_name: str = ""
    code: str = ""
    proxied: bool = False
    # A freqtrade bot of its own, where others share a process.
    own_process: bool = False
    timeframe: str = "1m"
    strength: StrengthRule | None = None


def _demo(number: int, rule: Rule) -> Soaked:
    found = DEMO_STRATEGIES[number]
    return Soaked(found.name, found.pairs, rule, timeframe=found.timeframe)


SOAKED: tuple[Soaked, ...] = (
    _demo(0, rules.ema_cross),
    _demo(1, rules.rsi_reversal),
    _demo(2, rules.bollinger),
    Soaked(
        name="Soak Steps",
        pairs=("DOT/USDT", "LTC/USDT", "TRX/USDT"),
        rule=rules.steps,
        class_name="SoakSteps",
        code=_CODE.format(
            name="SoakSteps",
            enters=f"(minute % 4 == 0) & {_RISES}",
            exits=f"((minute % 12 == 0) & {_RISES}) | ((minute % 5 == 0) & {_FALLS})",
        ),
        own_process=True,
        strength=by_minute,
    ),
    Soaked(
        name="Soak Channel",
        pairs=("ATOM/USDT", "UNI/USDT", "NEAR/USDT"),
        rule=rules.channel,
        class_name="SoakChannel",
        code=_CODE.format(
            name="SoakChannel",
            enters=f'dataframe["close"] > {_HIGHEST}',
            exits=f'dataframe["close"] < {_LOWEST}',
        ),
        proxied=True,
        own_process=True,
        strength=by_minute,
    ),
)
# Posts of others come under these names: a strategy of ours that never runs, and none.
HOOKED, OUTSIDE = "Soak Hook", "outside"
