"""The admin's form of a channel: its secrets go in and never come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import ConfigurationError
from notifications.models import ChannelType, NotificationChannel
from notifications.services import (
    channel_config_check,
    channel_config_shown,
    channel_create,
    channel_update,
)
from notifications.transports import SECRET_FIELDS, TRANSPORTS

if TYPE_CHECKING:
    # Generic for the type checker alone: the class takes no index at run time.
    ModelForm = forms.ModelForm[NotificationChannel]
else:
    ModelForm = forms.ModelForm

PREFIX = "secret_"


class ChannelForm(ModelForm):
    """Edits a channel through the services, which encrypt.

    Every secret has a field of its own that is always shown empty; left empty, the
    stored one stays.
    """

    type = forms.ChoiceField(
        label=_("type"),
        choices=[
            (each.value, each.label) for each in ChannelType if each in TRANSPORTS
        ],
    )

    class Meta:
        model = NotificationChannel
        fields = ("name", "type", "enabled", "priority", "config", "rate_limit_config")
        help_texts: ClassVar = {
            "config": _(
                "A JSON object without secrets. “View on site” has a form for each of"
                " its keys."
            ),
            "priority": _("Order in lists; the lowest number comes first."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channel = self.instance
        if channel.pk:
            self.initial["config"] = channel_config_shown(channel)
            self.fields["type"].disabled = True
        for name in SECRET_FIELDS:
            stored = bool(channel.pk and channel.config.get(name))
            self.fields[PREFIX + name] = forms.CharField(
                label=_("Secret: %(name)s") % {"name": name},
                required=False,
                strip=True,
                widget=forms.PasswordInput(
                    render_value=False, attrs={"autocomplete": "new-password"}
                ),
                help_text=_("Stored. Leave empty to keep it.")
                if stored
                else _("Not stored yet."),
            )

    def clean(self) -> dict[str, Any]:
        """Put the secrets into the configuration and have it checked."""
        data = super().clean() or self.cleaned_data
        config = data.get("config")
        if not isinstance(config, dict):
            self.add_error("config", _("Enter a JSON object, in curly brackets."))
            return data
        for name in SECRET_FIELDS:
            if secret := data.get(PREFIX + name):
                config[name] = secret
        if not self.errors:
            try:
                channel_config_check(
                    channel_type=data["type"], config=config, channel=self.instance
                )
            except ConfigurationError as error:
                self.add_error("config", error.message)
        return data

    def save_channel(self) -> NotificationChannel:
        """Create or change the channel; call it on a valid form."""
        fields = {
            name: self.cleaned_data[name]
            for name in ("name", "enabled", "priority", "rate_limit_config")
        }
        config = self.cleaned_data["config"]
        if self.instance.pk:
            # The form has written its own values into the instance already.
            stored = NotificationChannel.objects.get(pk=self.instance.pk)
            return channel_update(stored, config=config, **fields)
        return channel_create(type=self.cleaned_data["type"], config=config, **fields)
