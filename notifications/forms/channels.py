"""The page of a channel: its sections together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy

from btc_watcher.lib.errors import ConfigurationError
from notifications.forms.delivery import LimitsSection, TimesSection, WaySection
from notifications.forms.rules import RulesSection
from notifications.forms.sections import Section
from notifications.forms.texts import TextsSection
from notifications.forms.transport import TransportSection
from notifications.services import (
    channel_config_check,
    channel_config_shown,
    channel_create,
    channel_update,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.http import QueryDict

    from notifications.forms.choices import Choices
    from notifications.models import NotificationChannel


class BasicsSection(Section):
    """Name, on or off, and the place in lists."""

    keys: ClassVar[tuple[str, ...]] = ()

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=50,
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    priority = forms.IntegerField(
        label=gettext_lazy("Order"),
        help_text=gettext_lazy("The lowest number comes first in lists."),
        min_value=0,
        max_value=9999,
    )
    enabled = forms.BooleanField(label=gettext_lazy("Switched on"), required=False)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns."""
        del config
        channel = self.channel
        return {
            "name": channel.name,
            "priority": channel.priority,
            "enabled": channel.enabled,
        }

    def written(self) -> dict[str, Any]:
        """Nothing of it is in ``config``."""
        return {}


class ChannelPage:
    """All sections of a channel's form; a new channel is one that is not stored."""

    def __init__(
        self,
        channel: NotificationChannel,
        choices: Choices,
        data: QueryDict | None = None,
    ) -> None:
        self.channel = channel
        facts: dict[str, Any] = {"channel": channel, "choices": choices}
        self.basics = BasicsSection(data, **facts)
        self.transport = TransportSection(data, **facts)
        self.rules = RulesSection(data, **facts)
        self.times = TimesSection(data, **facts)
        self.limits = LimitsSection(data, **facts)
        self.way = WaySection(data, **facts)
        self.texts = TextsSection(data, **facts)
        self.problem = ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """The sections in their order on the page."""
        return (
            self.basics,
            self.transport,
            self.rules,
            self.times,
            self.limits,
            self.way,
            self.texts,
        )

    def is_valid(self) -> bool:
        """Tell whether all can be saved; otherwise ``problem`` or the fields say why."""
        # Each is asked, so that all errors are shown at once.
        wrong = [each for each in self.sections if not each.is_valid()]
        if wrong:
            return False
        try:
            channel_config_check(
                channel_type=self.channel.type,
                config=self._config(),
                channel=self.channel,
            )
        except ConfigurationError as error:
            self._blame(error.message)
            return False
        return True

    def wrong(self) -> Iterator[forms.BoundField]:
        """Yield the fields that have errors."""
        for section in self.sections:
            for field in section:
                if field.errors:
                    yield field

    def save(self) -> NotificationChannel:
        """Store the channel; call it when the page is valid."""
        fields = {
            "name": self.basics.cleaned_data["name"],
            "enabled": self.basics.cleaned_data["enabled"],
            "priority": self.basics.cleaned_data["priority"],
            "rate_limit_config": self.limits.limits(),
        }
        config = self._config()
        if self.channel.pk:
            return channel_update(self.channel, config=config, **fields)
        return channel_create(type=self.channel.type, config=config, **fields)

    def _config(self) -> dict[str, Any]:
        """Return the whole configuration: what no section owns stays as it is."""
        owned = {key for section in self.sections for key in section.keys}
        owned |= {each.name for each in self.transport.described}
        kept = channel_config_shown(self.channel)
        config = {key: value for key, value in kept.items() if key not in owned}
        for section in self.sections:
            config |= section.written()
        return config

    def _blame(self, message: str) -> None:
        """Show what a service refused beside the field that it names, else above all."""
        for each in self.transport.described:
            if f"'{each.name}'" in message:
                self.transport.add_error(f"t_{each.name}", message)
                return
        self.problem = message
