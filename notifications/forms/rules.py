"""What a channel gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.forms.choices import LEVELS, TIMEFRAMES, TYPES, with_stored
from notifications.forms.sections import Section, list_of, names_read, object_of
from notifications.messages import MESSAGE_TYPES
from notifications.models import MessageType
from notifications.services.targets import default_priorities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PRIORITY_WORDS: Final = {
    "P0": gettext_lazy("P0 urgent"),
    "P1": gettext_lazy("P1 normal"),
    "P2": gettext_lazy("P2 minor"),
}
NARROWED: Final = ("strategies", "types", "levels", "timeframes")


def ticks(label: Any, help_text: Any = "") -> forms.MultipleChoiceField:
    """Return a field of boxes to tick."""
    return forms.MultipleChoiceField(
        label=label,
        help_text=help_text,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


def offer(form: forms.Form, name: str, choices: Sequence[tuple[Any, Any]]) -> None:
    """Give a field of ``form`` its choices."""
    field = form.fields[name]
    if isinstance(field, forms.ChoiceField):
        field.choices = list(choices)


class RulesSection(Section):
    """Types, priorities, and of signals which strategies, pairs and so on."""

    keys: ClassVar[tuple[str, ...]] = ("message_types", "priorities", "rules")

    message_types = ticks(gettext_lazy("Messages"))
    priorities = ticks(gettext_lazy("Priorities"))
    strategies = ticks(gettext_lazy("Strategies"))
    pairs = forms.CharField(
        label=gettext_lazy("Pairs"),
        help_text=gettext_lazy("One a line; * stands for anything: */USDT"),
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 2, "spellcheck": "false"}),
    )
    types = ticks(gettext_lazy("Direction"))
    levels = ticks(gettext_lazy("Strength"))
    timeframes = ticks(gettext_lazy("Timeframes"))

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is ticked; an absent list of types or priorities means all."""
        rules = object_of(config.get("rules"))
        priorities = config.get("priorities")
        kinds = config.get("message_types")
        return {
            "message_types": MESSAGE_TYPES if kinds is None else list_of(kinds),
            "priorities": self._usual if priorities is None else list_of(priorities),
            "pairs": "\n".join(map(str, list_of(rules.get("pairs")))),
        } | {name: [str(v) for v in list_of(rules.get(name))] for name in NARROWED}

    @property
    def _usual(self) -> Sequence[str]:
        return default_priorities(self.channel.type)

    def prepare(self) -> None:
        """Offer what there is."""
        initial = self.initial
        offer(self, "message_types", MessageType.choices)
        offer(self, "priorities", [(each, PRIORITY_WORDS[each]) for each in PRIORITIES])
        stored = initial["strategies"]
        offer(self, "strategies", with_stored(self.choices.strategies, stored))
        offer(self, "types", TYPES)
        offer(self, "levels", LEVELS)
        frames = [(each, each) for each in TIMEFRAMES]
        frames += [(x, x) for x in initial["timeframes"] if x not in TIMEFRAMES]
        offer(self, "timeframes", frames)

    def clean(self) -> dict[str, Any]:
        """Ask for at least one type and one priority."""
        data = super().clean() or self.cleaned_data
        for name in ("message_types", "priorities"):
            if not data.get(name) and name not in self.errors:
                self.add_error(
                    name,
                    _("Tick at least one. Switch the channel off to send nothing."),
                )
        return data

    def written(self) -> dict[str, Any]:
        """Return the keys; what is not narrowed down is absent."""
        data = self.cleaned_data
        config: dict[str, Any] = {}
        if set(data["message_types"]) != set(MESSAGE_TYPES):
            config["message_types"] = data["message_types"]
        if set(data["priorities"]) != set(self._usual):
            config["priorities"] = data["priorities"]
        # A stored list of nothing wants nothing, which no form can say.
        stored = object_of(self.channel.config.get("rules"))
        nothing = {name: wanted for name, wanted in stored.items() if wanted == []}
        if rules := nothing | rules_written(data):
            config["rules"] = rules
        return config


def rules_written(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions that a form's values narrow down to."""
    rules: dict[str, Any] = {}
    if data.get("strategies"):
        rules["strategies"] = [int(each) for each in data["strategies"]]
    if pairs := names_read(data.get("pairs") or ""):
        rules["pairs"] = pairs
    for name, everything in (("types", TYPES), ("levels", LEVELS), ("timeframes", ())):
        chosen = data.get(name) or []
        if chosen and len(chosen) != len(everything):
            rules[name] = chosen
    return rules
