"""The blueprints that there are, with the questions that each of them asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from freqtrade_mgmt.blueprints import sources
from freqtrade_mgmt.blueprints.parameters import (
    Blueprint,
    Check,
    Choice,
    Kind,
    Parameter,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrOrPromise


def _whole(
    name: str,
    label: StrOrPromise,
    default: int,
    limits: tuple[int, int],
    helps: Any = "",
) -> Parameter:
    return Parameter(
        name=name,
        kind=Kind.INTEGER,
        label=label,
        default=default,
        help=helps,
        minimum=limits[0],
        maximum=limits[1],
        step=1,
    )


_CANDLES: Final = _("In candles.")
_SHORT: Final = Parameter(
    name="can_short",
    kind=Kind.FLAG,
    label=_("Also sell short"),
    default=False,
    help=_(
        "Adds marks for short positions. It needs futures pairs on an exchange that has"
        " them (trading_mode futures); on a spot market such a strategy does not start."
    ),
)
_MA: Final = (
    Parameter(
        name="average",
        kind=Kind.CHOICE,
        label=_("Kind of average"),
        default="ema",
        help=_("The exponential one follows the price sooner, the simple one calmer."),
        choices=(
            Choice("ema", _("exponential (EMA)")),
            Choice("sma", _("simple (SMA)")),
        ),
    ),
    _whole("fast", _("Fast average"), 12, (2, 200), _CANDLES),
    _whole("slow", _("Slow average"), 26, (3, 300), _CANDLES),
)
_RSI: Final = (
    _whole("rsi_period", _("RSI period"), 14, (2, 100), _CANDLES),
    _whole(
        "oversold",
        _("Oversold below"),
        30,
        (5, 49),
        _("A signal to buy comes when the index rises above it again."),
    ),
    _whole(
        "overbought",
        _("Overbought above"),
        70,
        (51, 95),
        _("A signal to sell comes when the index falls below it again."),
    ),
)
_MACD: Final = (
    _whole("macd_fast", _("MACD fast average"), 12, (2, 100), _CANDLES),
    _whole("macd_slow", _("MACD slow average"), 26, (3, 200), _CANDLES),
    _whole("macd_signal", _("MACD signal line"), 9, (2, 100), _CANDLES),
)
_BOLLINGER: Final = (
    _whole("bb_period", _("Bollinger period"), 20, (5, 300), _CANDLES),
    Parameter(
        name="bb_deviations",
        kind=Kind.NUMBER,
        label=_("Width of the bands"),
        default=2.0,
        help=_("In standard deviations to each side."),
        minimum=0.5,
        maximum=5,
        step=0.1,
    ),
    Parameter(
        name="bands_use",
        kind=Kind.CHOICE,
        label=_("Signal when the price"),
        default="reversal",
        choices=(
            Choice("reversal", _("comes back into the bands")),
            Choice("breakout", _("breaks out of the bands")),
        ),
    ),
)


def _chosen(values: Mapping[str, Any], name: str) -> bool:
    """Tell whether an indicator is in use; a blueprint of one indicator always uses it."""
    return name in values.get("indicators", (name,))


_MA_ORDER: Final = Check(
    "fast",
    lambda values: not _chosen(values, "ma") or values["fast"] < values["slow"],
    _("The fast average must be shorter than the slow one."),
)
_MACD_ORDER: Final = Check(
    "macd_fast",
    lambda values: (
        not _chosen(values, "macd") or values["macd_fast"] < values["macd_slow"]
    ),
    _("The fast average of MACD must be shorter than the slow one."),
)
_CONFIRMED: Final = (
    Parameter(
        name="indicators",
        kind=Kind.CHOICES,
        label=_("Indicators"),
        default=("ma", "rsi", "macd"),
        help=_("At least two. The settings of the others are not used."),
        choices=(
            Choice("ma", _("Moving averages cross")),
            Choice("rsi", _("RSI comes back from an extreme")),
            Choice("macd", _("MACD crosses its signal line")),
            Choice("bollinger", _("Bollinger bands")),
        ),
    ),
    _whole("agreeing", _("How many must agree"), 2, (2, 4)),
    _whole(
        "window",
        _("Within how many candles"),
        6,
        (1, 50),
        _("An indicator counts for so many candles after it spoke."),
    ),
)

BLUEPRINTS: Final[tuple[Blueprint, ...]] = (
    Blueprint(
        name="ma_cross",
        title=_("Moving averages cross"),
        description=_(
            "Buys when a fast moving average crosses above a slow one, sells when it"
            " crosses below. Follows trends; gives false signals in a sideways market."
        ),
        parameters=(*_MA, _SHORT),
        source=sources.ma_cross,
        checks=(_MA_ORDER,),
    ),
    Blueprint(
        name="rsi",
        title=_("RSI: relative strength index"),
        description=_(
            "Buys when the index leaves its oversold zone, sells when it leaves the"
            " overbought one. Suits sideways markets; is early in a strong trend."
        ),
        parameters=(*_RSI, _SHORT),
        source=sources.rsi,
    ),
    Blueprint(
        name="macd",
        title=_("MACD"),
        description=_(
            "Buys when the MACD line crosses above its signal line, sells when it"
            " crosses below. Shows a turn of momentum."
        ),
        parameters=(*_MACD, _SHORT),
        source=sources.macd,
        checks=(_MACD_ORDER,),
    ),
    Blueprint(
        name="bollinger",
        title=_("Bollinger bands"),
        description=_(
            "Signals when the price comes back into its bands (back to the mean) or"
            " breaks out of them (a new move), whichever you choose."
        ),
        parameters=(*_BOLLINGER, _SHORT),
        source=sources.bollinger,
    ),
    Blueprint(
        name="confirmed",
        title=_("Several indicators agree"),
        description=_(
            "Signals only when at least so many of the chosen indicators say the same"
            " within a few candles. Fewer signals, better founded."
        ),
        parameters=(*_CONFIRMED, *_MA, *_RSI, *_MACD, *_BOLLINGER, _SHORT),
        source=sources.confirmed,
        checks=(
            Check(
                "indicators",
                lambda values: len(values["indicators"]) >= 2,
                _("Choose at least two indicators."),
            ),
            Check(
                "agreeing",
                lambda values: values["agreeing"] <= max(2, len(values["indicators"])),
                _("No more can agree than there are indicators."),
            ),
            _MA_ORDER,
            _MACD_ORDER,
        ),
    ),
    Blueprint(
        name="empty",
        title=_("Empty"),
        description=_(
            "A skeleton with comments, for a strategy of your own. It sets no marks"
            " until you write when."
        ),
        parameters=(_SHORT,),
        source=sources.empty,
    ),
)
