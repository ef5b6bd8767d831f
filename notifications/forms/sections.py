"""A part of a channel's form: it reads its keys from the configuration and writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import QueryDict

    from notifications.forms.choices import Choices
    from notifications.models import NotificationChannel


class Section(forms.Form):
    """``keys`` are the keys of the configuration that it owns.

    What it writes replaces them; a key that it does not write is absent then.
    """

    keys: ClassVar[tuple[str, ...]] = ()
    use_required_attribute = False

    def __init__(
        self,
        data: QueryDict | None,
        *,
        channel: NotificationChannel,
        choices: Choices,
    ) -> None:
        self.channel = channel
        self.choices = choices
        super().__init__(data, initial=self.read(channel.config))
        self.prepare()

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the initial values of the fields."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Change the fields to what this channel offers."""

    def written(self) -> dict[str, Any]:
        """Return the keys of the configuration; call it on a valid form."""
        raise NotImplementedError


def object_of(value: object) -> dict[str, Any]:
    """Return ``value`` when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return ``value`` when it is a JSON list, else an empty one."""
    return value if isinstance(value, list) else []


def names_read(text: str) -> list[str]:
    """Return the names in a text, one a line or parted by commas, each once."""
    names = (each.strip() for each in text.replace(",", "\n").splitlines())
    return list(dict.fromkeys(each for each in names if each))
