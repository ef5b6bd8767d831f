"""The forms of the login and profile pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.preferences import zone_names

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

    language = forms.ChoiceField(label=_("Language"), choices=User.Language.choices)
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("All times are shown in this zone, with the zone written."),
    )

    def __init__(self, data: QueryDict | None = None, *, user: User) -> None:
        initial = {"language": user.language, "timezone": user.timezone}
        super().__init__(data, initial=initial)
        zone = self.fields["timezone"]
        if isinstance(zone, forms.ChoiceField):
            zone.choices = list(_zone_choices(user.timezone))


def _zone_choices(stored: str) -> Iterator[tuple[str, str]]:
    names = zone_names()
    # What is stored stays selectable, so that saving the page never changes it.
    for name in names if stored in names else (stored, *names):
        yield name, name.replace("_", " ")


class PasswordChangeForm(DjangoPasswordChangeForm):
    """Django's form with its checks; the service stores the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].widget.attrs.pop("autofocus", None)


class TokenForm(forms.Form):
    """A new API token."""

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
