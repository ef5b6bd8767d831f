"""What templates of strategies, their parameters and exchanges are called. Pure.

The templates themselves know it too, but they lie above this app; a test holds both to
the same words.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

TEMPLATES: Final = {
    "ma_cross": _("Moving averages cross"),
    "rsi": _("RSI: relative strength index"),
    "macd": _("MACD"),
    "bollinger": _("Bollinger bands"),
    "confirmed": _("Several indicators agree"),
    "empty": _("Empty"),
}
PARAMETERS: Final = {
    "average": _("Kind of average"),
    "fast": _("Fast average"),
    "slow": _("Slow average"),
    "rsi_period": _("RSI period"),
    "oversold": _("Oversold below"),
    "overbought": _("Overbought above"),
    "macd_fast": _("MACD fast average"),
    "macd_slow": _("MACD slow average"),
    "macd_signal": _("MACD signal line"),
    "bb_period": _("Bollinger period"),
    "bb_deviations": _("Width of the bands"),
    "bands_use": _("Signal when the price"),
    "indicators": _("Indicators"),
    "agreeing": _("How many must agree"),
    "window": _("Within how many candles"),
    "can_short": _("Also sell short"),
}
CHOICES: Final = {
    "average": {"ema": _("exponential (EMA)"), "sma": _("simple (SMA)")},
    "bands_use": {
        "reversal": _("comes back into the bands"),
        "breakout": _("breaks out of the bands"),
    },
    "indicators": {
        "ma": _("Moving averages cross"),
        "rsi": _("RSI comes back from an extreme"),
        "macd": _("MACD crosses its signal line"),
        "bollinger": _("Bollinger bands"),
    },
}


# Exchanges are known by their own names, but for ours.
EXCHANGES: Final = {"simulated": _("simulated")}


def exchange_label(name: str) -> str:
    """Return what an exchange is called; its own name, but for the simulated one."""
    return str(EXCHANGES.get(name, name))


def template_title(name: str) -> str:
    """Return what a template is called; its own name when unknown."""
    return str(TEMPLATES.get(name, name))


def parameter_label(name: str) -> str:
    """Return what a template's parameter is called; its own name when unknown."""
    return str(PARAMETERS.get(name, name.replace("_", " ")))


def choice_text(parameter: str, value: str) -> str:
    """Return what an answer to a parameter is called; the answer itself when unknown."""
    return str(CHOICES.get(parameter, {}).get(value, value))
