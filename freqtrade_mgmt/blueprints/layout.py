"""Puts pieces of strategy source together into a readable file. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any

from freqtrade_mgmt.blueprints.parts import SHARED, SHARED_STARTUP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freqtrade_mgmt.blueprints.parts import Part

_BODY = " " * 8
_LEAST_STARTUP = 30


@dataclass(frozen=True)
class Head:
    """The first lines of a strategy. All texts are our own or were checked.

    ``words`` says in one line when it enters, ``strength_words`` what its strength is.
    """

    class_name: str
    timeframe: str
    template: str
    words: str
    strength_words: str
    can_short: bool
    startup: int
    settings: Mapping[str, int | float]


@dataclass(frozen=True)
class Marks:
    """When marks are set: code that makes ``up`` and ``down``, and the tags of both."""

    up: str
    down: str
    tags: tuple[str, str]


def head_of(
    base: tuple[str, str, Mapping[str, Any]],
    template: str,
    words: str,
    parts: Sequence[Part],
    extra: Mapping[str, int | float] | None = None,
) -> Head:
    """Return the head of a strategy that is made of ``parts``.

    ``base`` is class name, timeframe and clean values; ``extra`` are settings of its own.
    """
    class_name, timeframe, values = base
    settings: dict[str, int | float] = {}
    for part in parts:
        settings |= part.settings
    needs = {name for part in parts for name in part.needs}
    warm = [part.startup for part in parts] + [SHARED_STARTUP[name] for name in needs]
    together = "how many indicators agree, and how strong each of them is"
    return Head(
        class_name=class_name,
        timeframe=timeframe,
        template=template,
        words=words,
        strength_words=parts[0].strength_words if len(parts) == 1 else together,
        can_short=bool(values["can_short"]),
        startup=max(_LEAST_STARTUP, *warm),
        settings={**settings, **(extra or {})},
    )


def columns_of(parts: Sequence[Part]) -> str:
    """Return the code that fills the frame, shared columns first and once."""
    needed = [SHARED[name] for name in SHARED if any(name in p.needs for p in parts)]
    return "\n".join([*needed, *(part.columns for part in parts)])


def strategy_source(
    head: Head, indicators: str, marks: Marks, helpers: str = ""
) -> str:
    """Return the whole file."""
    settings = "".join(
        f"    {name} = {value!r}\n" for name, value in head.settings.items()
    )
    if settings:
        settings = f"\n    # The values that were chosen.\n{settings}"
    return f'''\
"""{head.words}

Made from the template "{head.template}" of BTC Watcher. It is an ordinary freqtrade
strategy now: change it as you like.
"""

import talib.abstract as ta
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class {head.class_name}(IStrategy):
    """{head.words}

    The column signal_strength (0 to 100) says how strong a signal is:
    {head.strength_words}.
    """

    INTERFACE_VERSION = 3
    timeframe = "{head.timeframe}"
    can_short = {head.can_short}
    # Every candle is analysed once, when it has closed.
    process_only_new_candles = True
    # So many candles pass until the indicators mean something.
    startup_candle_count = {head.startup}
    # Only the marks below end a position: no profit target, no stop that matters.
    minimal_roi = {{"0": 100.0}}
    stoploss = -0.99
    use_exit_signal = True
{settings}
{helpers}    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
{indent(indicators, _BODY)}\
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
{indent(_marking("enter", marks, short=head.can_short), _BODY)}\
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
{indent(_marking("exit", marks, short=head.can_short), _BODY)}\
        return dataframe
'''


def _marking(kind: str, marks: Marks, *, short: bool) -> str:
    """Return the code of one of the two functions that set marks."""
    up_tag, down_tag = marks.tags
    up = ("up", marks.up, up_tag)
    down = ("down", marks.down, down_tag)
    # What ends a long position is what begins a short one, and the other way round.
    ways = [(up, "long"), (down, "short")]
    if kind == "exit":
        ways = [(down, "long"), (up, "short")]
    return "\n".join(
        _mark(name, expression, f"{kind}_{side}", f"{kind}_tag", tag)
        for (name, expression, tag), side in (ways if short else ways[:1])
    )


def _mark(name: str, expression: str, mark: str, tag_column: str, tag: str) -> str:
    return f'''\
{name} = {expression}
{name} &= dataframe["volume"] > 0
dataframe.loc[{name}, ["{mark}", "{tag_column}"]] = (1, "{tag}")
'''
