"""What makes a strategy complete and sound, as sentences. Pure.

Whatever can be checked without running code and without knowing freqtrade; the code
itself and further settings of freqtrade are checked by the app that knows them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from collections.abc import Mapping

PAIR: Final = re.compile(r"[A-Z0-9]{1,12}/[A-Z0-9]{1,8}(:[A-Z0-9]{1,8})?")
TIMEFRAME: Final = re.compile(r"[1-9][0-9]{0,2}[mhdwM]")
EXCHANGE: Final = re.compile(r"[a-z][a-z0-9_]{1,49}")
NEEDED: Final = ("class_name", "code", "exchange", "pairs", "timeframe")
WORDS: Final = {
    "class_name": gettext_lazy("the name of its class"),
    "code": gettext_lazy("code"),
    "exchange": gettext_lazy("an exchange"),
    "pairs": gettext_lazy("pairs"),
    "timeframe": gettext_lazy("a timeframe"),
}
TEXTS: Final = ("class_name", "code", "exchange", "timeframe")
LEVELS: Final = ("strong", "medium", "weak")
DEFAULT_THRESHOLDS: Final = {"strong": 80, "medium": 50, "weak": 20}
NAME_LENGTH: Final = 100
PAIR_LENGTH: Final = 20
CODE_LENGTH: Final = 1_000_000


def name_cleaned(name: str) -> str:
    """Return ``name`` as it is stored: one spelling of each letter, single spaces."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def name_problems(name: str) -> list[str]:
    """Return what is wrong with a name, whoever else may have it."""
    if not name:
        return [_("The strategy has no name; give it one.")]
    if len(name) > NAME_LENGTH:
        return [
            _("The name has %(length)d characters; %(longest)d are possible.")
            % {"length": len(name), "longest": NAME_LENGTH}
        ]
    if not name.isprintable():
        return [_("The name holds a character that cannot be shown; type it again.")]
    return []


def config_problems(name: str, config: Mapping[str, Any]) -> list[str]:
    """Return what is missing or wrong in ``config`` of the strategy ``name``."""
    missing = [key for key in NEEDED if not config.get(key)]
    problems = []
    if missing:
        problems.append(
            _("The configuration of '%(name)s' lacks %(keys)s.")
            % {"name": name, "keys": ", ".join(str(WORDS[key]) for key in missing)}
        )
    problems += [
        _("%(key)s of '%(name)s' is %(value)s; it must be a text.")
        % {"key": key, "name": name, "value": repr(config[key])[:80]}
        for key in TEXTS
        if config.get(key) and not isinstance(config[key], str)
    ]
    # Sentences about shapes would only repeat that they are no texts.
    if not problems or missing:
        problems += _shape_problems(config)
    return problems + _pair_problems(name, config.get("pairs"))


def thresholds_problems(thresholds: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with thresholds; absent ones have their defaults."""
    values = DEFAULT_THRESHOLDS | dict(thresholds)
    wrong = [
        _("The threshold %(level)s is %(value)s; it must be a number from 0 to 100.")
        % {"level": level, "value": repr(values[level])[:80]}
        for level in LEVELS
        if not _is_strength(values[level])
    ]
    if wrong:
        return wrong
    if not values["strong"] >= values["medium"] >= values["weak"]:
        return [
            _(
                "Thresholds must fall from strong to weak, but they are %(strong)s,"
                " %(medium)s and %(weak)s."
            )
            % {level: values[level] for level in LEVELS}
        ]
    return []


def own_process_problems(freqtrade_config: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the wish for a process of its own."""
    wish = freqtrade_config.get("own_process")
    if wish is None or isinstance(wish, bool):
        return []
    return [
        _("own_process is %(value)s; it must be true or false.")
        % {"value": repr(wish)[:80]}
    ]


def _shape_problems(config: Mapping[str, Any]) -> list[str]:
    found = []
    exchange, timeframe = config.get("exchange"), config.get("timeframe")
    if isinstance(exchange, str) and exchange and not EXCHANGE.fullmatch(exchange):
        found.append(
            _(
                "'%(exchange)s' is not the name of an exchange; write it as freqtrade"
                " does, such as binance."
            )
            % {"exchange": exchange}
        )
    if isinstance(timeframe, str) and timeframe and not TIMEFRAME.fullmatch(timeframe):
        found.append(
            _("'%(timeframe)s' is not a timeframe; write one such as 1m, 5m or 1h.")
            % {"timeframe": timeframe}
        )
    code = config.get("code")
    if isinstance(code, str) and len(code) > CODE_LENGTH:
        found.append(
            _("The code has %(length)d characters; %(longest)d are possible.")
            % {"length": len(code), "longest": CODE_LENGTH}
        )
    return found


def _pair_problems(name: str, pairs: object) -> list[str]:
    if not pairs:
        return []
    if not isinstance(pairs, list | tuple):
        return [_("The pairs of '%(name)s' must be a list.") % {"name": name}]
    for pair in pairs:
        text = str(pair)
        if not PAIR.fullmatch(text) or len(text) > PAIR_LENGTH:
            return [
                _("'%(pair)s' is not a trading pair; write it like BTC/USDT.")
                % {"pair": text[:80]}
            ]
    twice = sorted({str(pair) for pair in pairs if list(pairs).count(pair) > 1})
    if twice:
        return [_("%(pair)s is named twice; name each pair once.") % {"pair": twice[0]}]
    return []


def _is_strength(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value <= 100
    )
