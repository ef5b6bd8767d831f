"""The forms of the login and profile pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.display import follows_browser
from accounts.models import User
from accounts.preferences import zone_names
from accounts.scopes import CHOICES, Scope, scope_allowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import QueryDict

LONGEST_TOKEN_DAYS = 3650


class LoginForm(forms.Form):
    """User name and password; whether they fit is not decided here."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "autofocus": True,
            }
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class PreferencesForm(forms.Form):
    """How a person reads the pages."""

    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=[("", _("As the browser says")), *User.Language.choices],
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("All times are shown in this zone, with the zone written."),
    )

    quiet_from = forms.TimeField(
        label=_("Quiet from"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    quiet_to = forms.TimeField(
        label=_("Quiet to"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    quiet_passes = forms.ChoiceField(
        label=_("Meanwhile"),
        required=False,
        choices=(
            ("P0", _("P0 is told all the same")),
            ("none", _("nothing is told")),
        ),
    )

    def __init__(self, data: QueryDict | None = None, *, user: User) -> None:
        quiet = user.preferences.get("quiet_hours")
        quiet = quiet if isinstance(quiet, dict) else {}
        initial = {
            "language": ""
            if follows_browser(user.preferences, user.language)
            else user.language,
            "timezone": user.timezone,
            "quiet_from": quiet.get("from"),
            "quiet_to": quiet.get("to"),
            "quiet_passes": quiet.get("passes", "P0"),
        }
        super().__init__(data, initial=initial)
        zone = self.fields["timezone"]
        if isinstance(zone, forms.ChoiceField):
            zone.choices = list(_zone_choices(user.timezone))

    def clean(self) -> dict[str, Any]:
        """Quiet hours have both ends or none."""
        data = super().clean() or self.cleaned_data
        if "quiet_from" in self.errors or "quiet_to" in self.errors:
            return data
        start, end = data.get("quiet_from"), data.get("quiet_to")
        if (start is None) != (end is None):
            missing = "quiet_to" if end is None else "quiet_from"
            self.add_error(missing, _("Enter both times, or none."))
        elif start is not None and start == end:
            self.add_error("quiet_to", _("Enter another time than the beginning."))
        return data

    def quiet_hours(self) -> dict[str, str] | None:
        """Return the quiet hours as they are stored; call it on a valid form."""
        chosen = self.cleaned_data
        if chosen["quiet_from"] is None:
            return None
        return {
            "from": f"{chosen['quiet_from']:%H:%M}",
            "to": f"{chosen['quiet_to']:%H:%M}",
            "passes": chosen["quiet_passes"] or "P0",
        }


def _zone_choices(stored: str) -> Iterator[tuple[str, str]]:
    names = zone_names()
    # What is stored stays selectable, so that saving the page never changes it.
    for name in names if stored in names else (stored, *names):
        yield name, name.replace("_", " ")


class PasswordChangeForm(DjangoPasswordChangeForm):
    """Django's form with its checks of the new password; services do everything else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].widget.attrs.pop("autofocus", None)

    def clean_old_password(self) -> str:
        """Leave the old password to the service, which counts how often it is guessed."""
        return str(self.cleaned_data["old_password"])


class PasswordForm(forms.Form):
    """The password again, before something that protects the account is changed."""

    password = forms.CharField(
        label=_("Your password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    """A code of the person's app, or a recovery code."""

    code = forms.CharField(
        label=pgettext_lazy("second factor", "Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )


class TokenForm(forms.Form):
    """A new API token, which may no more than its person."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What it is for, such as a script or a machine."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.IntegerField(
        label=_("Days until it expires"),
        min_value=1,
        max_value=LONGEST_TOKEN_DAYS,
        initial=lambda: settings.API_TOKEN_DAYS,
    )
    wanted = forms.MultipleChoiceField(
        label=_("What it may do"),
        initial=[Scope.READ],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: QueryDict | None = None, *, user: User) -> None:
        super().__init__(data)
        wanted = self.fields["wanted"]
        if isinstance(wanted, forms.MultipleChoiceField):
            wanted.choices = [
                (scope.value, words)
                for scope, words in CHOICES.items()
                if scope_allowed(user, scope)
            ]

    def scopes(self) -> list[Scope]:
        """Return what was chosen; call it on a valid form."""
        return [Scope(each) for each in self.cleaned_data["wanted"]]
