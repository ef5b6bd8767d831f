"""Words and numbers of the pages of strategies, in the reader's language and zone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from proxies.words import POLICY_WORDS
from strategies.models import Strategy
from strategies.template_words import (
    choice_text,
    exchange_label,
    parameter_label,
    template_title,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strategies.services import Changed

# The page's own script counts on with the same words; %(count)d is the number.
AGO: Final = {
    "s": gettext_lazy("%(count)d s ago"),
    "min": gettext_lazy("%(count)d min ago"),
    "h": gettext_lazy("%(count)d h ago"),
    "d": gettext_lazy("%(count)d d ago"),
}
AGO_STEPS: Final = (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800))
FIELDS: Final = {
    "type": gettext_lazy("Type"),
    "config.code": gettext_lazy("Code"),
    "config.class_name": gettext_lazy("Class"),
    "config.exchange": gettext_lazy("Exchange"),
    "config.pairs": gettext_lazy("Pairs"),
    "config.timeframe": gettext_lazy("Timeframe"),
    "config.stake_currency": gettext_lazy("Stake currency"),
    "config.notify_every": gettext_lazy("Notify in a streak every"),
    "config.strength.column": gettext_lazy("Strength: column"),
    "config.strength.expression": gettext_lazy("Strength: expression"),
    "config.strength.default": gettext_lazy("Strength: default"),
    "config.template.name": gettext_lazy("Template"),
    "freqtrade_config.version": gettext_lazy("freqtrade version"),
    "freqtrade_config.proxy": gettext_lazy("Proxy"),
    "freqtrade_config.proxy_policy": gettext_lazy("When the proxy is out"),
    "freqtrade_config.own_process": gettext_lazy("A process of its own"),
    "freqtrade_config.live.enabled": gettext_lazy("Trading for real"),
    "freqtrade_config.live.by": gettext_lazy("Trading for real: turned on by"),
    "freqtrade_config.live.at": gettext_lazy("Trading for real: since"),
    "freqtrade_config.live.key": gettext_lazy("Trading for real: API key"),
    "freqtrade_config.live.secret": gettext_lazy("Trading for real: API secret"),
    "signal_thresholds.strong": gettext_lazy("Strong from"),
    "signal_thresholds.medium": gettext_lazy("Medium from"),
    "signal_thresholds.weak": gettext_lazy("Weak from"),
}
# What a version's summary is made of when nobody wrote one.
PATHS: Final = re.compile(r"((config|freqtrade_config|signal_thresholds)\.\S+|type|…)")
# The summaries that services write; they store English, whoever asked them.
SUMMARIES: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r"Pinned to freqtrade (?P<version>\S+)\.",
            gettext_lazy("Pinned to freqtrade %(version)s."),
        ),
        (
            r"Not pinned to a version of freqtrade any more\.",
            gettext_lazy("Not pinned to a version of freqtrade any more."),
        ),
        (
            r"Rolled back to (?P<version>\S+)\.",
            gettext_lazy("Rolled back to %(version)s."),
        ),
        (
            r"Copied from (?P<name>.+) (?P<version>\S+)\.",
            gettext_lazy("Copied from %(name)s %(version)s."),
        ),
        (
            r"The keys for trading for real on (?P<exchange>\S+) were replaced\.",
            gettext_lazy(
                "The keys for trading for real on %(exchange)s were replaced."
            ),
        ),
        (
            r"Trading for real was turned on for (?P<exchange>\S+)\.",
            gettext_lazy("Trading for real was turned on for %(exchange)s."),
        ),
        (
            r"Trading for real was turned off\.",
            gettext_lazy("Trading for real was turned off."),
        ),
    )
)
PARAMETER: Final = "config.template.parameters."
BOT_SETTING: Final = "freqtrade_config."
REFUSED_TOLD: Final = 5


def ago_text(seconds: float) -> str:
    """Return how long ago something was, in its largest whole unit."""
    whole = max(0, int(seconds))
    for unit, length, limit in AGO_STEPS:
        if whole < limit:
            return str(AGO[unit]) % {"count": whole // length}
    return str(AGO["d"]) % {"count": whole // 86_400}


def ago_words() -> dict[str, str]:
    """Return the templates of ``ago_text`` for the script of the pages."""
    return {unit: str(text) for unit, text in AGO.items()}


def field_label(path: str) -> str:
    """Return what a setting's path in a snapshot is called."""
    if path in FIELDS:
        return str(FIELDS[path])
    if path.startswith(PARAMETER):
        return parameter_label(path.removeprefix(PARAMETER))
    if path.startswith(BOT_SETTING):
        return _("freqtrade: %(name)s") % {"name": path.removeprefix(BOT_SETTING)}
    return path


def summary_text(summary: str) -> str:
    """Return a version's summary in the reader's language.

    What nobody wrote is made of paths of settings, shown as what they are called.
    """
    for pattern, words in SUMMARIES:
        if found := pattern.fullmatch(summary):
            return str(words) % found.groupdict()
    parts = summary.split(", ")
    if not all(PATHS.fullmatch(part) for part in parts):
        return summary
    # Translators: between the items of a list in a sentence.
    return _(", ").join(field_label(part) for part in parts)


def value_text(path: str, value: Any) -> str:
    """Return a setting's value as people read it."""
    match value:
        case None:
            text = _("not set")
        case bool():
            text = _("yes") if value else _("no")
        case float():
            text = f"{value:g}"
        case list() | tuple():
            text = ", ".join(value_text(path, item) for item in value) or _("none")
        case dict():
            text = json.dumps(value, ensure_ascii=False)
        case _:
            text = _word(path, str(value))
    return text


def _word(path: str, value: str) -> str:
    if path == "type" and value in Strategy.Type.values:
        return str(Strategy.Type(value).label)
    if path.startswith(PARAMETER):
        return choice_text(path.removeprefix(PARAMETER), value)
    if path == "config.exchange":
        return exchange_label(value)
    if path == "freqtrade_config.proxy_policy":
        return str(dict(POLICY_WORDS).get(value, value))
    return template_title(value) if path == "config.template.name" else value


def settings_flat(values: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """Return nested settings as (path, value), sorted; lists stay whole."""
    flat: list[tuple[str, Any]] = []
    for key in sorted(values):
        value = values[key]
        if isinstance(value, dict) and value:
            flat += settings_flat(value, f"{path}{key}.")
        else:
            flat.append((f"{path}{key}", value))
    return flat


def asked_text(action: str, names: Sequence[str]) -> str:
    """Return that ``action`` was asked of one strategy or of many."""
    if len(names) == 1:
        one = {
            "start": _("'%(name)s' is being started."),
            "stop": _("'%(name)s' is being stopped."),
            "restart": _("'%(name)s' is being restarted."),
        }
        return one[action] % {"name": names[0]}
    count = len(names)
    many = {
        "start": ngettext(
            "%(count)d strategy is being started.",
            "%(count)d strategies are being started, one after the other.",
            count,
        ),
        "stop": ngettext(
            "%(count)d strategy is being stopped.",
            "%(count)d strategies are being stopped.",
            count,
        ),
        "restart": ngettext(
            "%(count)d strategy is being restarted.",
            "%(count)d strategies are being restarted, one after the other.",
            count,
        ),
    }
    return many[action] % {"count": count}


def refused_texts(changed: Changed) -> list[str]:
    """Return the sentences of those that refused, at most a handful and how many more."""
    told = changed.refused[:REFUSED_TOLD]
    more = len(changed.refused) - len(told)
    if more:
        told.append(
            ngettext(
                "%(count)d more refused likewise.",
                "%(count)d more refused likewise.",
                more,
            )
            % {"count": more}
        )
    return told
