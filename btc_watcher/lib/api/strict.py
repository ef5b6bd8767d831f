"""Bodies that say what is not known instead of losing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from rest_framework import serializers

if TYPE_CHECKING:
    from collections.abc import Mapping


def only_known(
    serializer: serializers.Serializer[Any], attrs: dict[str, Any]
) -> dict[str, Any]:
    """Return ``attrs``; ValidationError names what the serializer has no field for."""
    given: Mapping[str, Any] = serializer.initial_data
    if unknown := sorted(set(given) - set(serializer.fields)):
        raise serializers.ValidationError(
            {name: [_("There is no such field.")] for name in unknown}
        )
    return attrs
