"""What every channel's configuration may say, whatever its transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.budgets import limits_read
from notifications.messages import MESSAGE_TYPES
from notifications.models import NotificationChannel
from notifications.quiet import quiet_read
from notifications.receivers import LANGUAGES, repeat_read, speed_read
from notifications.rendering import templates_check
from notifications.rules import CONDITIONS
from notifications.transports import TRANSPORTS
from notifications.transports.routes import proxy_wanted
from proxies.models import Proxy
from proxies.ranking import POLICIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrPromise

NO_CHANNEL: Final = gettext_lazy(
    "'fallback' is %(value)r, which is not the number of a channel."
)
NO_USER: Final = gettext_lazy("'user' is %(value)r, which is not the number of a user.")
NO_PROXY: Final = gettext_lazy(
    "'proxy' is %(value)r, which is not the number of a proxy."
)
# What a rule may list; None means any text.
ALLOWED: Final = {
    "strategies": None,
    "pairs": None,
    "types": ("BUY", "SELL", "HOLD"),
    "timeframes": None,
    "levels": ("strong", "medium", "weak"),
}


def config_check(
    config: Mapping[str, Any], channel_id: int | None, channel_type: str
) -> None:
    """Raise ConfigurationError that names the wrong key; ``channel_id`` is the own."""
    for key, allowed in (("priorities", PRIORITIES), ("message_types", MESSAGE_TYPES)):
        value = config.get(key)
        if value is not None and not (
            isinstance(value, list) and set(map(str, value)) <= set(allowed)
        ):
            raise ConfigurationError(
                _("%(key)r is %(value)r; use a list of %(known)s.")
                % {"key": key, "value": value, "known": ", ".join(allowed)}
            )
    rules_check(config.get("rules"))
    quiet_read(config.get("quiet_hours"))
    speed_read(config)
    repeat_read(config)
    _choice(config, "language", LANGUAGES)
    _choice(config, "at_most_once", (True, False))
    _choice(config, "proxy_policy", POLICIES)
    templates_check(config.get("templates"))
    _picture_check(config, channel_type)
    _references_check(config, channel_id)


def rules_check(rules: object) -> None:
    """Raise ConfigurationError that names what is wrong with ``rules``."""
    if rules is None:
        return
    if not isinstance(rules, dict):
        raise ConfigurationError(
            _("'rules' is %(value)r; use an object with lists of %(known)s.")
            % {"value": rules, "known": ", ".join(CONDITIONS)}
        )
    for name, wanted in rules.items():
        if name not in CONDITIONS:
            raise ConfigurationError(
                _("There is no rule %(name)r; use %(known)s.")
                % {"name": name, "known": ", ".join(CONDITIONS)}
            )
        if wanted is None:
            continue
        kind = int if name == "strategies" else str
        allowed = ALLOWED[name]
        if not isinstance(wanted, list) or not all(
            isinstance(each, kind)
            and not isinstance(each, bool)
            and (allowed is None or each in allowed)
            for each in wanted
        ):
            several = _("numbers") if kind is int else _("texts")
            raise ConfigurationError(
                _("The rule %(name)r is %(value)r; use a list of %(known)s.")
                % {
                    "name": name,
                    "value": wanted,
                    "known": ", ".join(allowed) if allowed else several,
                }
            )


def limits_check(limits: object) -> None:
    """Raise ConfigurationError that names what is wrong with ``rate_limit_config``."""
    if not isinstance(limits, dict):
        raise ConfigurationError(
            _("The limits are %(value)r; use an object such as %(example)s.")
            % {"value": limits, "example": '{"second": 1, "minute": 20}'}
        )
    limits_read(limits, {})


def _choice(config: Mapping[str, Any], key: str, allowed: tuple[object, ...]) -> None:
    value = config.get(key)
    # 1 equals True and is not meant here.
    if value is not None and not any(
        value is each or (value == each and not isinstance(each, bool))
        for each in allowed
    ):
        raise ConfigurationError(
            _("%(key)r is %(value)r; use one of %(known)s.")
            % {"key": key, "value": value, "known": ", ".join(map(str, allowed))}
        )


def _picture_check(config: Mapping[str, Any], channel_type: str) -> None:
    _choice(config, "picture", (True, False))
    if not config.get("picture") or TRANSPORTS[channel_type].pictures:
        return
    able = ", ".join(sorted(each.type for each in TRANSPORTS.values() if each.pictures))
    if channel_type == "feishu":
        raise ConfigurationError(
            _(
                "'picture' cannot be true: Feishu takes pictures only from an application"
                " with a token, not from a group robot. Use a channel of type %(types)s."
            )
            % {"types": able}
        )
    raise ConfigurationError(
        _(
            "'picture' cannot be true: channels of type %(type)s show no pictures. Use"
            " one of type %(types)s."
        )
        % {"type": channel_type, "types": able}
    )


def _references_check(config: Mapping[str, Any], channel_id: int | None) -> None:
    fallback = config.get("fallback")
    if fallback is not None:
        if fallback == channel_id:
            raise ConfigurationError(
                _("'fallback' is %(value)r, which is this channel; name another.")
                % {"value": fallback}
            )
        _exists(NotificationChannel, fallback, NO_CHANNEL)
    if (user := config.get("user")) is not None:
        _exists(User, user, NO_USER)
    if (proxy := proxy_wanted(config)) is not None:
        _exists(Proxy, proxy, NO_PROXY)


def _exists(model: Any, number: object, otherwise: StrPromise) -> None:
    whole = isinstance(number, int) and not isinstance(number, bool)
    if not whole or not model.objects.filter(pk=number).exists():
        raise ConfigurationError(otherwise % {"value": number})
