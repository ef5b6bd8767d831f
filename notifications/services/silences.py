"""Silences: messages that fit are stored with the reason, and not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.messages import MESSAGE_TYPES
from notifications.models import NotificationSilence
from notifications.rules import CONDITIONS
from notifications.services.channel_checks import rules_check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LISTS: Final = {
    "message_types": (str, MESSAGE_TYPES),
    "priorities": (str, PRIORITIES),
    "channels": (int, None),
    "keys": (str, None),
}


def silence_create(
    *,
    matcher: Mapping[str, Any],
    reason: str,
    by: str,
    starts_at: datetime,
    ends_at: datetime,
) -> NotificationSilence:
    """Store a silence; ``matcher`` is that of NotificationSilence, ``by`` who wants it.

    An empty matcher silences everything. Raises ConfigurationError that names what is
    wrong.
    """
    matcher_check(matcher)
    if not reason.strip():
        raise ConfigurationError(
            _("A silence needs a reason, which others will read later.")
        )
    if ends_at <= starts_at:
        raise ConfigurationError(
            _("The silence ends at %(end)s, before it begins. Set a later end.")
            % {"end": f"{ends_at:%Y-%m-%d %H:%M}"}
        )
    return NotificationSilence.objects.create(
        matcher=dict(matcher),
        reason=reason.strip(),
        created_by=by,
        starts_at=starts_at,
        ends_at=ends_at,
    )


def silence_end(silence: NotificationSilence, *, now: datetime) -> None:
    """End a silence now; one that has not begun is removed."""
    if silence.starts_at >= now:
        silence.delete()
    elif silence.ends_at > now:
        silence.ends_at = now
        silence.save(update_fields=["ends_at"])


def matcher_check(matcher: Mapping[str, Any]) -> None:
    """Raise ConfigurationError that names what is wrong with a silence's matcher."""
    rules = {key: value for key, value in matcher.items() if key in CONDITIONS}
    rules_check(rules)
    for key, value in matcher.items():
        if key in rules:
            continue
        if key not in LISTS:
            known = ", ".join((*LISTS, *CONDITIONS))
            raise ConfigurationError(
                _("A silence cannot match %(key)r; use %(known)s.")
                % {"key": key, "known": known}
            )
        kind, allowed = LISTS[key]
        if not isinstance(value, list) or not all(
            isinstance(each, kind)
            and not isinstance(each, bool)
            and (allowed is None or each in allowed)
            for each in value
        ):
            several = _("numbers") if kind is int else _("texts")
            raise ConfigurationError(
                _("%(key)r is %(value)r; use a list of %(known)s.")
                % {
                    "key": key,
                    "value": value,
                    "known": ", ".join(allowed) if allowed else several,
                }
            )
