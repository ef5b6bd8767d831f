"""Forms of channels and silences."""

from __future__ import annotations

from notifications.forms.channels import ChannelPage
from notifications.forms.choices import Choices
from notifications.forms.raw import ChannelForm
from notifications.forms.silences import SilenceForm, SilenceModelForm

__all__ = ["ChannelForm", "ChannelPage", "Choices", "SilenceForm", "SilenceModelForm"]
