"""The form that asks for an upgrade or a downgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from freqtrade_mgmt.upgrades.asking import LONGEST_WATCH, WATCH_SECONDS
from freqtrade_mgmt.version_pages.planning import movers, targets

if TYPE_CHECKING:
    from collections.abc import Mapping

STOP: Final = "stop"
LEAVE: Final = "leave"


class UpgradeForm(forms.Form):
    """What an upgrade is asked with; ``choices`` are those of ``upgrade_request``."""

    to = forms.ChoiceField(label=gettext_lazy("Move to freqtrade"))
    canary = forms.ChoiceField(
        label=gettext_lazy("Who goes first"),
        required=False,
        help_text=gettext_lazy(
            "The first one is watched before the others follow. Only it is disturbed when"
            " the new version turns out badly."
        ),
    )
    watch_minutes = forms.IntegerField(
        label=gettext_lazy("Watch it for (minutes)"),
        min_value=0,
        max_value=LONGEST_WATCH // 60,
        initial=WATCH_SECONDS // 60,
        help_text=gettext_lazy(
            "Longer than a few of its candles tells more. 0 only waits until it analyses."
        ),
    )
    failing = forms.ChoiceField(
        label=gettext_lazy("When a running strategy does not load in the new version"),
        choices=[
            (STOP, gettext_lazy("stop there: nothing is moved")),
            (LEAVE, gettext_lazy("leave it on the old version, pinned to it")),
        ],
        initial=STOP,
        widget=forms.RadioSelect,
    )
    skip = forms.MultipleChoiceField(
        label=gettext_lazy("Leave these on the old version in any case"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "They are pinned to it; take the pin off in their editor."
        ),
    )

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        """Offer what is installed, and the strategies that would move."""
        super().__init__(data)
        known = movers()
        self.targets = targets()
        self._choose("to", [(version, version) for version in self.targets])
        self._choose(
            "canary",
            [
                ("", _("choose the best one")),
                *((str(each.id), each.name) for each in known if each.up),
            ],
        )
        self._choose("skip", [(str(each.id), each.name) for each in known])

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen, as the services take it; for a form that is valid."""
        given = self.cleaned_data
        return {
            "canary": int(given["canary"]) if given["canary"] else None,
            "watch_seconds": given["watch_minutes"] * 60,
            "leave_failing": given["failing"] == LEAVE,
            "skip": [int(key) for key in given["skip"]],
        }

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices
