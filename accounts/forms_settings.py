"""The form of the page of settings: all that a person prefers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts.display import CallLevel, Calls, Display, Rise, Start, Theme, rise_of
from accounts.forms import PreferencesForm

if TYPE_CHECKING:
    from django.http import QueryDict

    from accounts.models import User


class SettingsForm(PreferencesForm):
    """Language, zone and quiet hours, and how pages look and sound."""

    theme = forms.ChoiceField(
        label=_("Theme"), choices=Theme.choices, widget=forms.RadioSelect
    )
    rise = forms.ChoiceField(
        label=_("Colours of rising and falling"),
        required=False,
        widget=forms.RadioSelect,
    )
    start = forms.ChoiceField(
        label=_("Start page"),
        choices=Start.choices,
        help_text=_("Where you arrive after the login, and where the name leads."),
    )
    sound = forms.BooleanField(
        label=_("Sound: rising for buy, falling for sell"), required=False
    )
    notify = forms.BooleanField(
        label=_("Notification of the browser while the page is not in front"),
        required=False,
    )
    level = forms.ChoiceField(label=_("From level"), choices=CallLevel.choices)
    shortcuts = forms.BooleanField(label=_("Keyboard shortcuts"), required=False)

    def __init__(self, data: QueryDict | None = None, *, user: User) -> None:
        super().__init__(data, user=user)
        display = Display.read(user.preferences)
        self.initial.update(
            theme=display.theme or Theme.AUTO.value,
            rise=display.rise,
            start=display.start,
            sound=display.calls.sound,
            notify=display.calls.notify,
            level=display.calls.level,
            shortcuts=display.shortcuts,
        )
        # Of the page, which is the person's.
        language = get_language() or user.language
        rise = self.fields["rise"]
        if isinstance(rise, forms.ChoiceField):
            rise.choices = [("", _usual(language)), *Rise.choices]
        # What the first of these choices means now.
        self.usual_rise = rise_of(Display(), language)

    def display(self) -> Display:
        """Return what was chosen; call it on a valid form."""
        chosen = self.cleaned_data
        return Display(
            theme=chosen["theme"],
            rise=chosen["rise"],
            start=chosen["start"],
            calls=Calls(chosen["sound"], chosen["notify"], chosen["level"]),
            shortcuts=chosen["shortcuts"],
        )


def _usual(language: str) -> str:
    """Return the words for following the language, with what that means now."""
    colours = Rise(rise_of(Display(), language)).label
    return gettext("As usual in my language (%(colours)s)") % {"colours": colours}
