"""What the API of outcomes takes and answers, described for its schema."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from btc_watcher.lib.api.answers import many, moment, one, real, shape, text, whole
from signals_app.outcomes.choices import LONGEST_NOTE
from signals_app.outcomes.models import Choice
from signals_app.outcomes.statistics import GROUPS, LEVEL, PAIR, StatisticsFilter
from signals_app.vocabulary import Level

DAYS: Final = 30
LONGEST_DAYS: Final = 366
KINDS: Final = ("entry", "exit")
DIRECTIONS: Final = ("BUY", "SELL")


def period(days: int, now: datetime) -> tuple[date, date]:
    """Return the UTC days of a period that ends with today; the end is not included."""
    until = now.date() + timedelta(days=1)
    return until - timedelta(days=days), until


class OutcomeQuerySerializer(serializers.Serializer[Any]):
    """The parameters of the statistics."""

    by = serializers.ChoiceField(
        required=False,
        choices=GROUPS,
        default=LEVEL,
        help_text="What the rows of a strategy are: its levels, directions or pairs."
        " By pair only with `strategy`.",
    )
    strategy = serializers.CharField(
        required=False, max_length=100, help_text="A strategy's number or name."
    )
    level = serializers.ChoiceField(required=False, choices=Level.choices)
    direction = serializers.ChoiceField(required=False, choices=DIRECTIONS)
    kind = serializers.ChoiceField(
        required=False, choices=KINDS, help_text="Marks that enter, or that exit."
    )
    since = serializers.DateField(
        required=False, help_text="First UTC day; 30 days before `to` by default."
    )
    until = serializers.DateField(
        required=False, help_text="First UTC day not wanted; tomorrow by default."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Name two fields by words that Python keeps for itself."""
        fields = super().get_fields()
        fields["from"] = fields.pop("since")
        fields["to"] = fields.pop("until")
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an empty or too long period, and pairs without a strategy."""
        if attrs["by"] == PAIR and not attrs.get("strategy"):
            raise serializers.ValidationError(
                {"strategy": _("Name one to see its pairs; those of all are too many.")}
            )
        until = attrs.get("to", period(1, timezone.now())[1])
        if until < date(1970, 12, 31):
            raise serializers.ValidationError({"to": _("There are no signals then.")})
        since = attrs.get("from", until - timedelta(days=DAYS))
        if since >= until:
            raise serializers.ValidationError({"from": _("It must be before “to”.")})
        if (until - since).days > LONGEST_DAYS:
            raise serializers.ValidationError(
                {"from": _("A query may span 366 days; ask for the rest separately.")}
            )
        return attrs | {"from": since, "to": until}

    def wanted(self) -> StatisticsFilter:
        """Return the checked parameters."""
        values = dict(self.validated_data)
        del values["by"]
        since, until = values.pop("from"), values.pop("to")
        return StatisticsFilter(since=since, until=until, **values)


class ChoiceInSerializer(serializers.Serializer[Any]):
    """What somebody did with a signal."""

    choice = serializers.ChoiceField(choices=Choice.choices)
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST_NOTE, default=""
    )


LOOK = shape(
    "OutcomeHorizon",
    "What the price did up to a horizon, in percent in the direction of the signal.",
    {
        "price": text("The close; null when that candle is missing.", null=True),
        "move": real("Above 0: it was right.", null=True),
        "best": real("The furthest the right way.", null=True),
        "worst": real("The furthest the wrong way.", null=True),
        "missing": whole("Candles on the way that are missing."),
    },
)
LOOKS = shape(
    "OutcomeHorizons",
    "By how many candles of the signal's timeframe; null while it is not known.",
    {n: one(LOOK, null=True) for n in ("1", "4", "24")},
)
OUTCOME = shape(
    "Outcome",
    "What became of a signal.",
    {
        "state": text("open, complete, gaps or unknown."),
        "reason": text("Why the rest is not known."),
        "updated_at": moment(null=True),
        "horizons": one(LOOKS),
    },
)
CHOICE = shape(
    "SignalChoice",
    "What the one who asks did with a signal.",
    {"choice": text("taken or skipped."), "note": text(), "updated_at": moment()},
)
RATE = shape(
    "OutcomeRate",
    "How signals did after so many candles.",
    {
        "count": whole("Signals of which the price is known."),
        "right": whole("Those after which it had moved the right way."),
        "rate": real("Their share, 0 to 1.", null=True),
        "low": real("Lower end of Wilson's 95 % interval of the share.", null=True),
        "high": real("Its upper end.", null=True),
        "mean": real("Percent in the direction of the signal.", null=True),
        "median": real("The same; about right where `exact` is false.", null=True),
    },
)
RATES = shape(
    "OutcomeRates", "By how many candles.", {n: one(RATE) for n in ("1", "4", "24")}
)
ROW = shape(
    "OutcomeRow",
    "One strategy and one of its levels, directions or pairs.",
    {
        "strategy_id": whole("Null for signals that others posted.", null=True),
        "strategy": text("Empty in `total`, which is of all strategies."),
        "key": text("The level, direction or pair."),
        "signals": whole("Those of which anything is known."),
        "unknown": whole("Those whose candles never came."),
        "horizons": one(RATES),
    },
)
DAYS_WINDOW = shape(
    "OutcomeWindow",
    "The UTC days that were looked through: `from` included, `to` not.",
    {"from": serializers.DateField(), "to": serializers.DateField()},
)
TOTAL: Final = many(ROW, "The same of all strategies together.")
EXACT: Final = serializers.BooleanField(help_text="Whether medians are exact.")
