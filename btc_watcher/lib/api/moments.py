"""Moments and windows of time, as addresses have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

OLDEST_YEAR: Final = 2000
NEWEST_YEAR: Final = 2200
# From the epoch to beyond every moment that a row may have.
LONGEST_MICROSECONDS: Final = 1_000 * 366 * 24 * 3600 * 10**6
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AwareField(serializers.DateTimeField):
    """A moment with its zone: one without would mean another in every zone."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Refuse a moment without an offset, or outside of what a signal may be of."""
        if timezone.is_naive(value):
            raise serializers.ValidationError(
                _("%(time)s has no zone; write it with an offset or Z.")
                % {"time": value.isoformat()}
            )
        if not OLDEST_YEAR <= value.year <= NEWEST_YEAR:
            raise serializers.ValidationError(_("There is nothing of that year."))
        return super().enforce_timezone(value)


class WindowQuery(serializers.Serializer[Any]):
    """From when to when; without, the last ``span`` until now."""

    span: ClassVar[timedelta] = timedelta(days=7)
    longest_span: ClassVar[timedelta] = timedelta(days=366)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Name two fields by words that Python keeps for itself."""
        fields = super().get_fields()
        days = self.span.days
        fields["from"] = AwareField(
            required=False, help_text=f"Not before; {days} days before `to` by default."
        )
        fields["to"] = AwareField(
            required=False, help_text="Before this moment; by default until now."
        )
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a window that is empty or longer than a year."""
        until = attrs.get("to", timezone.now() + timedelta(seconds=1))
        since = attrs.get("from", until - self.span)
        if since >= until:
            raise serializers.ValidationError({"from": _("It must be before “to”.")})
        if until - since > self.longest_span:
            raise serializers.ValidationError(
                {"from": _("A query may span 366 days; ask for the rest separately.")}
            )
        return attrs | {"from": since, "to": until}


def moment_text(value: datetime | None) -> str | None:
    """Return a moment as ISO 8601 in UTC."""
    if value is None:
        return None
    text = value.astimezone(timezone.get_fixed_timezone(0)).isoformat()
    return text.replace("+00:00", "Z")


def microseconds(number: int) -> timedelta:
    """Return a length of time; one that no clock shows becomes the longest known."""
    return timedelta(
        microseconds=max(-LONGEST_MICROSECONDS, min(number, LONGEST_MICROSECONDS))
    )
