"""Does a channel want a message, and why or why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.messages import MESSAGE_TYPES
from notifications.rendering.values import DIRECTIONS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notifications.messages import Message

# A condition's name in ``config["rules"]``, and where a message's context has its
# value; the first key that is there counts.
CONDITIONS: Final = {
    "strategies": ("strategy_id",),
    "pairs": ("pair",),
    "types": ("signal_type",),
    "timeframes": ("timeframe",),
    "levels": ("level", "strength_level"),
}
WORDS: Final = {
    "all": gettext_noop("The channel takes everything."),
    "match": gettext_noop("What the channel asks for fits this message."),
    "disabled": gettext_noop("The channel is switched off."),
    "message_type": gettext_noop(
        "The channel does not take messages of the type %(value)s, only %(wanted)s."
    ),
    "priority": gettext_noop(
        "The channel does not take the priority %(value)s, only %(wanted)s."
    ),
    "strategies": gettext_noop(
        "The channel does not take the strategy with number %(value)s, only %(wanted)s."
    ),
    "pairs": gettext_noop(
        "The channel does not take the pair %(value)s, only %(wanted)s."
    ),
    "types": gettext_noop(
        "The channel does not take the signal type %(value)s, only %(wanted)s."
    ),
    "timeframes": gettext_noop(
        "The channel does not take the timeframe %(value)s, only %(wanted)s."
    ),
    "levels": gettext_noop(
        "The channel does not take the strength level %(value)s, only %(wanted)s."
    ),
}
# Codes that the reasons name, by the word that stands for them.
SPOKEN: Final = {
    "message_type": {
        "signal": gettext_noop("signal"),
        "alert": gettext_noop("alert"),
        "system": gettext_noop("system"),
    },
    "types": DIRECTIONS,
    "levels": LEVELS,
}


class Configured(Protocol):
    """A channel, as far as its rules go."""

    @property
    def enabled(self) -> bool:
        """Tell whether it is switched on."""

    @property
    def config(self) -> Any:
        """Return its configuration."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``wanted`` with its reason: a code of ``WORDS`` and a sentence for people."""

    wanted: bool
    code: str
    words: str


class Condition(NamedTuple):
    """One list of wanted values; those with ``*`` are patterns."""

    name: str
    keys: tuple[str, ...]
    exact: frozenset[str]
    patterns: tuple[str, ...]

    def value_of(self, context: Mapping[str, Any]) -> str | None:
        """Return what ``context`` has for this condition."""
        for key in self.keys:
            if (value := context.get(key)) is not None:
                return str(value)
        return None

    def fits(self, value: str) -> bool:
        """Tell whether ``value`` is listed."""
        return value in self.exact or any(
            fnmatchcase(value, pattern) for pattern in self.patterns
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What is wanted, read once for many messages."""

    message_types: frozenset[str]
    priorities: frozenset[str]
    conditions: tuple[Condition, ...]

    @classmethod
    def read(
        cls, config: Mapping[str, Any], priorities: Sequence[str] = PRIORITIES
    ) -> Rules:
        """Read a channel's configuration; what it does not list means all.

        ``priorities`` are those of a channel that lists none, which its transport
        may limit.
        """
        rules = config.get("rules")
        return cls(
            message_types=_listed(config.get("message_types"), MESSAGE_TYPES),
            priorities=_listed(config.get("priorities"), priorities),
            conditions=conditions_read(rules if isinstance(rules, dict) else {}),
        )

    def obstacle(
        self, message_type: str, priority: str, context: Mapping[str, Any]
    ) -> str:
        """Return the code of what keeps a message away, empty when nothing does.

        A condition speaks of messages that have its value: a channel for one pair
        still gets the alert that a proxy is dead.
        """
        if message_type not in self.message_types:
            return "message_type"
        if priority not in self.priorities:
            return "priority"
        for condition in self.conditions:
            value = condition.value_of(context)
            if value is not None and not condition.fits(value):
                return condition.name
        return ""


def conditions_read(rules: Mapping[str, Any]) -> tuple[Condition, ...]:
    """Return the conditions that ``rules`` lists; an absent or null list is none."""
    found = []
    for name, keys in CONDITIONS.items():
        wanted = rules.get(name)
        if isinstance(wanted, list | tuple):
            texts = [str(each) for each in wanted]
            exact = frozenset(text for text in texts if "*" not in text)
            patterns = tuple(text for text in texts if "*" in text)
            found.append(Condition(name, keys, exact, patterns))
    return tuple(found)


def explain(
    channel: Configured, message: Message, priorities: Sequence[str] = PRIORITIES
) -> Verdict:
    """Tell whether ``channel`` wants ``message``, with the reason in words.

    ``priorities`` are those of a channel that lists none.
    """
    rules = Rules.read(channel.config, priorities)
    code = "disabled"
    if channel.enabled:
        code = rules.obstacle(message.message_type, message.priority, message.context)
    if not code:
        code = "match" if _chooses(rules) else "all"
    return Verdict(
        wanted=code in ("match", "all"),
        code=code,
        words=_(WORDS[code]) % _values(code, rules, message),
    )


def _chooses(rules: Rules) -> bool:
    return bool(rules.conditions) or (
        len(rules.message_types) < len(MESSAGE_TYPES)
        or len(rules.priorities) < len(PRIORITIES)
    )


def _values(code: str, rules: Rules, message: Message) -> dict[str, str]:
    value: str | None = ""
    wanted: Iterable[str] = ()
    if code == "message_type":
        value, wanted = message.message_type, rules.message_types
    elif code == "priority":
        value, wanted = message.priority, rules.priorities
    for condition in rules.conditions:
        if condition.name == code:
            value = condition.value_of(message.context)
            wanted = (*condition.exact, *condition.patterns)
    listed = ", ".join(_word(code, each) for each in sorted(wanted))
    return {"value": _word(code, value or ""), "wanted": listed or _("none")}


def _word(code: str, value: str) -> str:
    """Return a value as people read it; names, pairs and priorities are as they are."""
    return _(SPOKEN[code].get(value, value)) if value and code in SPOKEN else value


def _listed(value: object, default: Sequence[str]) -> frozenset[str]:
    listed = value if isinstance(value, list | tuple) else default
    return frozenset(str(each) for each in listed)
