"""Rules, matchers, limits and lengths of time in a few words, in the reader's language.

Pure; names of strategies and channels are arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.messages import MESSAGE_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifications.standing import Used

KINDS: Final = {
    "signal": gettext_lazy("signals"),
    "alert": gettext_lazy("alerts"),
    "system": gettext_lazy("system messages"),
}
DIRECTIONS: Final = {
    "BUY": gettext_lazy("buy"),
    "SELL": gettext_lazy("sell"),
    "HOLD": gettext_lazy("hold"),
    "strong": gettext_lazy("strong"),
    "medium": gettext_lazy("medium"),
    "weak": gettext_lazy("weak"),
}
WINDOWS: Final = {
    1: gettext_lazy("%(used)d of %(most)d in a second"),
    60: gettext_lazy("%(used)d of %(most)d in a minute"),
    3600: gettext_lazy("%(used)d of %(most)d in an hour"),
    86400: gettext_lazy("%(used)d of %(most)d in a day"),
}
NAMED: Final = 3


def gets_words(
    config: Mapping[str, Any], usual: Sequence[str], strategies: Mapping[str, str]
) -> list[str]:
    """Return what a channel gets, most general first.

    ``usual`` are the priorities of a channel that lists none; ``strategies`` their
    names by number.
    """
    kinds = config.get("message_types")
    priorities = config.get("priorities")
    words = [
        _("everything")
        if kinds is None or set(kinds) == set(MESSAGE_TYPES)
        else _listed([str(KINDS.get(each, each)) for each in kinds])
    ]
    chosen = usual if priorities is None else priorities
    if set(chosen) != set(PRIORITIES):
        words.append(" ".join(sorted(map(str, chosen))) or _("no priority"))
    rules = config.get("rules")
    return words + narrowed_words(rules if isinstance(rules, dict) else {}, strategies)


def narrowed_words(
    rules: Mapping[str, Any], strategies: Mapping[str, str]
) -> list[str]:
    """Return the conditions on signals."""
    words = []
    if isinstance(wanted := rules.get("strategies"), list):
        names = [strategies.get(str(each), f"#{each}") for each in wanted]
        words.append(_("strategies: %(names)s") % {"names": _listed(names)})
    others = (rules.get(each) for each in ("pairs", "types", "levels", "timeframes"))
    return words + [
        _listed([str(DIRECTIONS.get(each, each)) for each in wanted])
        for wanted in others
        if isinstance(wanted, list)
    ]


def matcher_words(
    matcher: Mapping[str, Any],
    *,
    strategies: Mapping[str, str],
    channels: Mapping[str, str],
) -> list[str]:
    """Return what a silence covers; nothing means everything."""
    words = []
    if isinstance(kinds := matcher.get("message_types"), list):
        words.append(_listed([str(KINDS.get(each, each)) for each in kinds]))
    if isinstance(priorities := matcher.get("priorities"), list):
        words.append(" ".join(map(str, priorities)))
    if isinstance(keys := matcher.get("keys"), list):
        words.append(_("alerts: %(names)s") % {"names": _listed(list(map(str, keys)))})
    words += narrowed_words(matcher, strategies)
    if isinstance(numbers := matcher.get("channels"), list):
        names = [channels.get(str(each), f"#{each}") for each in numbers]
        words.append(_("on %(names)s") % {"names": _listed(names)})
    return words


def used_words(used: Used) -> str:
    """Return how much of a limit is used."""
    return str(WINDOWS[used.seconds]) % {"used": used.used, "most": used.most}


def _listed(names: Sequence[str]) -> str:
    if len(names) <= NAMED:
        return ", ".join(names)
    more = len(names) - NAMED
    rest = ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}
    return f"{', '.join(names[:NAMED])} {rest}"
