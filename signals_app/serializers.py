"""What the API takes, checked and named as people write it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from signals_app.models import Level, Priority, SignalType
from signals_app.outcomes.choices import WANTED as CHOICES
from signals_app.selectors import DEFAULT_WINDOW, SignalFilter
from signals_app.vocabulary import STRONGEST

LARGEST_PAGE = 1_000
OLDEST_YEAR, NEWEST_YEAR = 2000, 2200
LONGEST_WINDOW = timedelta(days=366)
MOST_STRATEGIES = 20
# Parameters that a filter has under the same name.
PLAIN = (
    *("pair", "pair_part", "exchange", "timeframe", "type", "level", "priority"),
    *("tag", "version", "first"),
)


class AwareDateTimeField(serializers.DateTimeField):
    """A moment with its zone: one without would mean another in every zone."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Refuse a moment without an offset."""
        if timezone.is_naive(value):
            raise serializers.ValidationError(
                _("%(time)s has no zone; write it with an offset or Z.")
                % {"time": value.isoformat()}
            )
        return super().enforce_timezone(value)


def _strength(words: str) -> serializers.DecimalField:
    return serializers.DecimalField(
        required=False,
        max_digits=7,
        decimal_places=4,
        min_value=Decimal(0),
        max_value=Decimal(STRONGEST),
        coerce_to_string=False,
        help_text=words,
    )


class SignalQuerySerializer(serializers.Serializer[Any]):
    """The parameters of the list."""

    strategy = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=MOST_STRATEGIES,
        help_text="A strategy's name, or its number where none has that name; repeat it"
        " for several.",
    )
    strategy_id = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="A strategy's number, whatever it is called.",
    )
    pair = serializers.CharField(required=False, max_length=20)
    pair_part = serializers.CharField(
        required=False, max_length=20, help_text="A part of the pair, such as BTC."
    )
    exchange = serializers.CharField(required=False, max_length=50)
    timeframe = serializers.CharField(required=False, max_length=10)
    type = serializers.ChoiceField(required=False, choices=SignalType.choices)
    level = serializers.ChoiceField(required=False, choices=Level.choices)
    priority = serializers.ChoiceField(required=False, choices=Priority.choices)
    strength_from = _strength("The least strength, 0 to 100.")
    strength_to = _strength("The greatest strength, 0 to 100.")
    tag = serializers.CharField(
        required=False, max_length=100, help_text="A part of the tag of the mark."
    )
    version = serializers.CharField(
        required=False, max_length=20, help_text="Of the strategy, such as v1.0."
    )
    first = serializers.BooleanField(
        required=False, help_text="Only the first candle of each streak."
    )
    choice = serializers.ChoiceField(
        required=False,
        choices=CHOICES,
        help_text="What you have taken, skipped, or not decided on.",
    )
    since = AwareDateTimeField(
        required=False, help_text="Not before; 31 days before `to` by default."
    )
    until = AwareDateTimeField(
        required=False, help_text="Before this moment; by default until now."
    )
    cursor = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Where the page begins: what `next` of the page before it holds.",
    )
    page_size = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_PAGE, help_text="Rows at most."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Name two fields by words that Python keeps for itself."""
        fields = super().get_fields()
        fields["from"] = fields.pop("since")
        fields["to"] = fields.pop("until")
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a window that is empty or longer than a year."""
        for name in ("from", "to"):
            if name in attrs and not OLDEST_YEAR <= attrs[name].year <= NEWEST_YEAR:
                raise serializers.ValidationError(
                    {name: _("There are no signals of that year.")}
                )
        until = attrs.get("to", timezone.now() + timedelta(minutes=2))
        since = attrs.get("from", until - DEFAULT_WINDOW)
        if since >= until:
            raise serializers.ValidationError({"from": _("It must be before “to”.")})
        if until - since > LONGEST_WINDOW:
            raise serializers.ValidationError(
                {"from": _("A query may span 366 days; ask for the rest separately.")}
            )
        least, most = attrs.get("strength_from", 0), attrs.get("strength_to", STRONGEST)
        if least > most:
            raise serializers.ValidationError(
                {"strength_from": _("It must not be above the greatest strength.")}
            )
        return attrs | {"from": since, "to": until}

    def wanted(self) -> SignalFilter:
        """Return the checked parameters."""
        values = dict(self.validated_data)
        strategies = tuple(values.get("strategy", ()))
        plain = {name: values[name] for name in PLAIN if name in values}
        return SignalFilter(
            since=values["from"],
            until=values["to"],
            strategies=strategies,
            strategy_ids=(values["strategy_id"],) if "strategy_id" in values else (),
            least_strength=float(values.get("strength_from", 0)),
            most_strength=float(values.get("strength_to", STRONGEST)),
            **plain,
        )

    def chosen(self) -> str:
        """Return what the signals are to have been by who asks, "" for all."""
        return str(self.validated_data.get("choice", ""))


class SignalInSerializer(serializers.Serializer[Any]):
    """One signal that somebody posts."""

    strategy = serializers.CharField(max_length=100)
    pair = serializers.CharField(max_length=20)
    exchange = serializers.CharField(max_length=50)
    timeframe = serializers.CharField(max_length=10)
    type = serializers.ChoiceField(choices=SignalType.choices)
    price = serializers.FloatField()
    timestamp = AwareDateTimeField()
    strength = serializers.FloatField(required=False, allow_null=True)
    tag = serializers.CharField(required=False, allow_blank=True, max_length=200)
    version = serializers.CharField(required=False, max_length=20)
    indicators = serializers.DictField(required=False)
