"""A new silence: what it covers and until when."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.forms.choices import LEVELS, TIMEFRAMES, TYPES
from notifications.forms.rules import offer, rules_written, ticks
from notifications.forms.sections import names_read
from notifications.messages import MESSAGE_TYPES
from notifications.models import MessageType, NotificationSilence
from notifications.services import matcher_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifications.forms.choices import Choices

    # Generic for the type checker alone: the class takes no index at run time.
    ModelForm = forms.ModelForm[NotificationSilence]
else:
    ModelForm = forms.ModelForm

LONGEST: Final = timedelta(days=366)
MORNING: Final = time(8)
ENDS: Final = (
    ("1h", gettext_lazy("in 1 hour")),
    ("8h", gettext_lazy("in 8 hours")),
    ("morning", gettext_lazy("tomorrow at 08:00")),
    ("at", gettext_lazy("at another time:")),
)
HOURS: Final = {"1h": 1, "8h": 8}


def _moment(label: Any) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
    )


class SilenceForm(forms.Form):
    """``matcher``, ``starts_at`` and ``ends_at`` are the service's arguments."""

    use_required_attribute = False

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Others will read it, in the list and in the history."),
        max_length=300,
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    ends = forms.ChoiceField(
        label=gettext_lazy("Ends"),
        choices=ENDS,
        initial="1h",
        widget=forms.RadioSelect,
    )
    ends_at = _moment(gettext_lazy("Ends at"))
    starts_at = _moment(gettext_lazy("Begins (empty: now)"))
    message_types = ticks(gettext_lazy("Messages"))
    priorities = ticks(gettext_lazy("Priorities"))
    channels = ticks(gettext_lazy("Channels"))
    keys = forms.CharField(
        label=gettext_lazy("Alerts"),
        help_text=gettext_lazy(
            "Keys from the list of alerts, one a line; * stands for anything."
        ),
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 2, "spellcheck": "false"}),
    )
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
    everything = forms.BooleanField(
        label=gettext_lazy("Yes, silence everything"), required=False
    )

    def __init__(
        self,
        data: Any = None,
        *,
        choices: Choices,
        now: datetime,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.now = now
        offer(self, "message_types", MessageType.choices)
        offer(self, "priorities", [(each, each) for each in PRIORITIES])
        offer(self, "channels", choices.channels)
        offer(self, "strategies", choices.strategies)
        offer(self, "types", TYPES)
        offer(self, "levels", LEVELS)
        offer(self, "timeframes", [(each, each) for each in TIMEFRAMES])

    def clean(self) -> dict[str, Any]:
        """Settle both ends, and ask twice for a silence of everything."""
        data = super().clean() or self.cleaned_data
        starts = data.get("starts_at")
        data["starts_at"] = max(starts, self.now) if starts else self.now
        if ends := self._ends(data):
            data["ends_at"] = ends
            if ends <= data["starts_at"]:
                self.add_error("ends_at", _("The end has to be after the beginning."))
            elif ends - data["starts_at"] > LONGEST:
                self.add_error("ends_at", _("A silence lasts at most a year."))
        if not matcher_read(data) and not data.get("everything"):
            self.add_error(
                "everything",
                _("Nothing is chosen, which means all messages on all channels."),
            )
        return data

    def _ends(self, data: dict[str, Any]) -> datetime | None:
        choice = data.get("ends")
        starts: datetime = data["starts_at"]
        if choice in HOURS:
            return starts + timedelta(hours=HOURS[choice])
        if choice == "morning":
            return tomorrow(starts)
        if "ends_at" not in self.errors and data.get("ends_at") is None:
            self.add_error("ends_at", _("Enter when it ends."))
        chosen: datetime | None = data.get("ends_at")
        return chosen

    def matcher(self) -> dict[str, Any]:
        """Return what the silence covers; call it on a valid form."""
        return matcher_read(self.cleaned_data)


def matcher_read(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the matcher that the form's values narrow down to."""
    matcher = rules_written(data)
    kinds, priorities = data.get("message_types"), data.get("priorities")
    if kinds and len(kinds) != len(MESSAGE_TYPES):
        matcher["message_types"] = kinds
    if priorities and len(priorities) != len(PRIORITIES):
        matcher["priorities"] = priorities
    if data.get("channels"):
        matcher["channels"] = [int(each) for each in data["channels"]]
    if keys := names_read(data.get("keys") or ""):
        matcher["keys"] = keys
    return matcher


def tomorrow(moment: datetime) -> datetime:
    """Return the next morning, 08:00 on the reader's clock."""
    local = timezone.localtime(moment)
    return timezone.make_aware(
        datetime.combine(local.date() + timedelta(days=1), MORNING)
    )


class SilenceModelForm(ModelForm):
    """The admin's form: the matcher is written as JSON."""

    class Meta:
        model = NotificationSilence
        fields = ("reason", "matcher", "starts_at", "ends_at")
        help_texts: ClassVar = {
            "matcher": gettext_lazy(
                "A JSON object of lists: message_types, priorities, channels (numbers),"
                " keys (of alerts), strategies (numbers), pairs, types, levels,"
                " timeframes. What it does not list means all."
            )
        }

    def clean_matcher(self) -> dict[str, Any]:
        """Have the matcher checked as the services do."""
        matcher: dict[str, Any] = self.cleaned_data["matcher"]
        try:
            matcher_check(matcher)
        except ConfigurationError as error:
            raise forms.ValidationError(error.message) from error
        return matcher

    def clean(self) -> dict[str, Any]:
        """Refuse an end before the beginning."""
        data = super().clean() or self.cleaned_data
        starts, ends = data.get("starts_at"), data.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("The end has to be after the beginning."))
        return data
