"""Between the row of a draft and what its form shows and gives. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypedDict

from django.http import QueryDict

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.blueprints import blueprint
from freqtrade_mgmt.bot_config import SIMULATED
from freqtrade_mgmt.bot_extra import OUR_KEYS
from freqtrade_mgmt.forms.choices import EXCHANGES, OTHER
from freqtrade_mgmt.forms.fields import quote_of
from proxies.ranking import DEFAULT_POLICY
from signals_app.grading import StrengthRule, Thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freqtrade_mgmt.blueprints import Blueprint
    from strategies.models import Strategy

PARAMETER: Final = "p_"
# Where a draft keeps what was typed and is not valid yet: {field: [texts]}.
TYPED: Final = "typed"


class DraftValues(TypedDict):
    """What the service that saves a draft takes."""

    name: str
    description: str
    type: str
    config: dict[str, Any]
    freqtrade_config: dict[str, Any]
    signal_thresholds: dict[str, Any]


def template_of(config: Mapping[str, Any]) -> Blueprint | None:
    """Return the template that a strategy is made from; None when it is code.

    Of a template that is gone the code is left, and is edited as such.
    """
    template = config.get("template")
    if not isinstance(template, dict):
        return None
    try:
        return blueprint(str(template.get("name")))
    except ConfigurationError:
        return None


def typed_of(draft: Strategy) -> dict[str, list[str]]:
    """Return what was typed and is not valid yet."""
    typed = draft.health_metrics.get(TYPED)
    return typed if isinstance(typed, dict) else {}


def form_data(draft: Strategy) -> QueryDict:
    """Return the stored draft as its form would post it, with what was typed last."""
    data = QueryDict(mutable=True)
    config, bot = draft.config, draft.freqtrade_config
    stored: dict[str, Any] = {
        "name": draft.name,
        "description": draft.description or "",
        "type": draft.type,
        **_market(config),
        "code": config.get("code", ""),
        **_signals(draft),
        "version": bot.get("version", ""),
        "proxy": bot.get("proxy", ""),
        "proxy_policy": bot.get("proxy_policy") or DEFAULT_POLICY,
        "extra": _extra_text(bot),
    }
    for name, value in stored.items():
        data[name] = str(value)
    if bot.get("own_process") is True:
        data["own_process"] = "on"
    template = template_of(config)
    if template is not None:
        _parameters(data, template, config["template"].get("parameters") or {})
    for name, texts in typed_of(draft).items():
        data.setlist(name, [str(text) for text in texts])
    return data


def draft_values(draft: Strategy, cleaned: Mapping[str, Any]) -> DraftValues:
    """Return what is to be stored: valid fields as they are now, others as they were."""
    thresholds = dict(draft.signal_thresholds)
    for level in ("strong", "medium", "weak"):
        if cleaned.get(level) is not None:
            thresholds[level] = plain(cleaned[level])
    return {
        "name": cleaned.get("name", draft.name),
        "description": cleaned.get("description", draft.description or ""),
        "type": cleaned.get("type") or draft.type,
        "config": _config(draft.config, cleaned),
        "freqtrade_config": _bot(draft.freqtrade_config, cleaned),
        "signal_thresholds": thresholds,
    }


def plain(number: float) -> int | float:
    """Return 80 for 80.0, so that what nobody changed stays the same in JSON."""
    return int(number) if number == int(number) else number


def _market(config: Mapping[str, Any]) -> dict[str, Any]:
    exchange = config.get("exchange", "")
    listed = not exchange or exchange == SIMULATED or exchange in EXCHANGES
    return {
        "exchange": exchange if listed else OTHER,
        "exchange_other": "" if listed else exchange,
        "pairs": "\n".join(config.get("pairs") or ()),
        "timeframe": config.get("timeframe", ""),
    }


def _signals(draft: Strategy) -> dict[str, Any]:
    thresholds, usual = draft.signal_thresholds, Thresholds()
    strength = draft.config.get("strength") or {}
    rule = StrengthRule()
    return {
        **{
            level: thresholds.get(level, getattr(usual, level))
            for level in ("strong", "medium", "weak")
        },
        "column": strength.get("column") or rule.column,
        "expression": strength.get("expression") or "",
        "default": plain(strength.get("default", rule.default)),
        "notify_every": draft.config.get("notify_every") or "",
    }


def _extra_text(bot: Mapping[str, Any]) -> str:
    extra = {key: value for key, value in bot.items() if key not in OUR_KEYS}
    return json.dumps(extra, indent=2, ensure_ascii=False) if extra else ""


def _parameters(
    data: QueryDict, template: Blueprint, stored: Mapping[str, Any]
) -> None:
    for name, default in template.defaults().items():
        value = stored.get(name, default)
        if isinstance(value, list | tuple):
            data.setlist(PARAMETER + name, [str(item) for item in value])
        elif not isinstance(value, bool):
            data[PARAMETER + name] = str(value)
        elif value:
            # A box that is not ticked is not posted.
            data[PARAMETER + name] = "on"


def _config(stored: Mapping[str, Any], cleaned: Mapping[str, Any]) -> dict[str, Any]:
    config = dict(stored)
    for key in ("exchange", "pairs", "timeframe", "class_name", "code", "template"):
        if cleaned.get(key) is not None:
            config[key] = cleaned[key]
    pairs = config.get("pairs") or []
    if pairs and config.get("stake_currency") not in (None, quote_of(pairs[0])):
        del config["stake_currency"]
    if "notify_every" in cleaned:
        config.pop("notify_every", None)
        if cleaned["notify_every"]:
            config["notify_every"] = cleaned["notify_every"]
    strength = _strength(stored.get("strength") or {}, cleaned)
    config.pop("strength", None)
    if strength:
        config["strength"] = strength
    return config


def _strength(stored: Mapping[str, Any], cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule, or nothing where it is the usual one and none was stored."""
    usual = StrengthRule()
    found: dict[str, Any] = {
        "column": usual.column,
        "expression": usual.expression,
        "default": usual.default,
        **stored,
    }
    for key in found:
        if cleaned.get(key) is not None:
            found[key] = cleaned[key]
    found["column"] = found["column"] or usual.column
    found["default"] = plain(found["default"])
    if stored or StrengthRule.parse(found) != usual:
        return found
    return {}


def _bot(stored: Mapping[str, Any], cleaned: Mapping[str, Any]) -> dict[str, Any]:
    extra = cleaned.get("extra")
    if extra is None:
        extra = {key: value for key, value in stored.items() if key not in OUR_KEYS}
    bot = {key: stored[key] for key in OUR_KEYS if key in stored} | extra
    for key, kind in (("version", str), ("proxy", int)):
        if key in cleaned:
            bot.pop(key, None)
            if cleaned[key]:
                bot[key] = kind(cleaned[key])
    if "own_process" in cleaned:
        bot.pop("own_process", None)
        # The usual way need not be written.
        if cleaned["own_process"]:
            bot["own_process"] = True
    _proxy_policy(bot, cleaned)
    return bot


def _proxy_policy(bot: dict[str, Any], cleaned: Mapping[str, Any]) -> None:
    if "proxy_policy" in cleaned and "proxy" in cleaned:
        bot.pop("proxy_policy", None)
        policy = cleaned["proxy_policy"] or DEFAULT_POLICY
        # Without a proxy it means nothing, and the usual one need not be written.
        if cleaned["proxy"] and policy != DEFAULT_POLICY:
            bot["proxy_policy"] = policy
