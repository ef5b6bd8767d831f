"""How pages look and sound, as ``/api/v1/me/`` gives and takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.display import CallLevel, Rise, Start, Theme
from btc_watcher.lib.api.answers import flag, one, shape, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.display import Display

CALLS = shape(
    "DisplayCalls",
    "What a signal that arrives on the live page does.",
    {
        "sound": flag(),
        "notify": flag("A notification of the browser."),
        "level": text("From which level on: strong, medium or weak."),
    },
)
DISPLAY = shape(
    "Display",
    "How pages look and sound.",
    {
        "theme": text("auto, dark or light."),
        "rise": text("green or red; null is as usual in the language.", null=True),
        "start": text("dashboard or live: where one arrives after the login."),
        "calls": one(CALLS),
        "shortcuts": flag("Whether keys of one character do something on pages."),
    },
)


class _StrictSerializer(serializers.Serializer[Any]):
    """Part of a body that says what it does not know, as whole bodies do."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return what was given; ValidationError names what is no field."""
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError(
                {name: [_("There is no such field.")] for name in unknown}
            )
        values: dict[str, Any] = super().to_internal_value(data)
        return values


class CallsSerializer(_StrictSerializer):
    """Whether and when a signal calls; what is absent stays."""

    sound = serializers.BooleanField(required=False)
    notify = serializers.BooleanField(required=False)
    level = serializers.ChoiceField(required=False, choices=CallLevel.values)


class DisplaySerializer(_StrictSerializer):
    """How pages look and sound; what is absent stays."""

    theme = serializers.ChoiceField(required=False, choices=Theme.values)
    rise = serializers.ChoiceField(
        required=False,
        allow_null=True,
        choices=Rise.values,
        help_text="What rises is green or red; null: as usual in the language.",
    )
    start = serializers.ChoiceField(required=False, choices=Start.values)
    calls = CallsSerializer(required=False)
    shortcuts = serializers.BooleanField(required=False)


def display_answer(display: Display) -> dict[str, Any]:
    """Return a person's choices with all names; ``rise`` is None when not chosen."""
    calls = display.calls
    return {
        "theme": display.theme or Theme.AUTO.value,
        "rise": display.rise or None,
        "start": display.start,
        "calls": {"sound": calls.sound, "notify": calls.notify, "level": calls.level},
        "shortcuts": display.shortcuts,
    }


def display_changed(display: Display, changes: Mapping[str, Any]) -> Display:
    """Return ``display`` with what DisplaySerializer took."""
    fields = dict(changes)
    calls = replace(display.calls, **fields.pop("calls", {}))
    if "rise" in fields:
        fields["rise"] = fields["rise"] or ""
    return replace(display, calls=calls, **fields)
