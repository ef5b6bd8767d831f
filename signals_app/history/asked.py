"""What the page of the history is asked for: its address, checked field by field.

The fields are those of the API's list. The page adds periods by name and times on the
clocks of the reader, and one text for a whole pair or a part of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from btc_watcher.lib.errors import BtcWatcherError
from signals_app.history.periods import DEFAULT, PERIODS, moment_read, period_range
from signals_app.outcomes.choices import choice_filter
from signals_app.selectors import Cursor, SignalFilter
from signals_app.serializers import SignalQuerySerializer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.http import QueryDict

# In the order in which they stand in an address.
LABELS: Final = {
    "period": _("Period"),
    "from": _("From"),
    "to": _("Up to"),
    "strategy": _("Strategy"),
    "strategy_id": _("Number of a strategy"),
    "pair": _("Pair"),
    "exchange": _("Exchange"),
    "timeframe": _("Timeframe"),
    "type": _("Type"),
    "level": _("Level"),
    "priority": _("Priority"),
    "strength_from": _("Strength from"),
    "strength_to": _("Strength up to"),
    "tag": _("Tag"),
    "version": _("Version"),
    "choice": _("Your decision"),
    "first": _("Only the first of a streak"),
    "cursor": _("Page"),
}
RANGE: Final = ("from", "to")
# Of a saved filter; whoever has an address may write anything into it.
LONGEST_VALUE: Final = 200


class ReadersMoment(serializers.Field[Any, Any, Any, Any]):
    """A day or a minute on the clocks of the reader; see ``moment_read``."""

    def __init__(self, *, last: bool) -> None:
        self._last = last
        super().__init__(required=False)

    def to_internal_value(self, data: Any) -> datetime:
        """Return the moment; ValidationError when it is none."""
        try:
            zone = timezone.get_current_timezone()
            return moment_read(str(data), zone, last=self._last)
        except (ValueError, OverflowError):
            raise serializers.ValidationError(
                _("This is no date; write it like 2026-11-20 or 2026-11-20T08:30.")
            ) from None


class HistoryQuery(SignalQuerySerializer):
    """The fields of the page."""

    period = serializers.ChoiceField(required=False, choices=list(PERIODS))
    since = ReadersMoment(last=False)  # type: ignore[assignment]
    until = ReadersMoment(last=True)  # type: ignore[assignment]
    pair_part = None  # type: ignore[assignment]
    page_size = None  # type: ignore[assignment]

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Say less of a wrong choice: the page shows the value beside it."""
        fields = super().get_fields()
        for each in fields.values():
            if isinstance(each, serializers.ChoiceField):
                each.error_messages["invalid_choice"] = _("There is no such choice.")
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Put times to a period; a range of one's own goes before it."""
        if not any(name in attrs for name in RANGE):
            now, zone = timezone.now(), timezone.get_current_timezone()
            attrs["from"], attrs["to"] = period_range(attrs["period"], now, zone)
        pair = attrs.pop("pair", "")
        if pair:
            attrs["pair" if "/" in pair else "pair_part"] = pair
        return super().validate(attrs)


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that makes no sense, what it holds, and why."""

    name: str
    label: str
    value: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for: ``given`` as it stands in the address, without empty fields.

    It has a period or a range. ``wanted`` is None when there are ``problems``, ``period``
    "" for a range.
    """

    given: Mapping[str, list[str]]
    period: str = ""
    wanted: SignalFilter | None = None
    after: Cursor | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def query(self) -> str:
        """The filter as an address has it, without the page."""
        return query_of(self.given)

    def without(self, *names: str, **changes: str) -> str:
        """Return that address without some fields, and others as they are given here."""
        kept = {name: value for name, value in self.given.items() if name not in names}
        return query_of(kept | {name: [value] for name, value in changes.items()})

    @property
    def values(self) -> dict[str, str]:
        """What stands in the fields of the form."""
        return {name: self.given.get(name, [""])[-1] for name in LABELS}

    @property
    def strategies(self) -> list[str]:
        """The names or numbers of the strategies that are wanted."""
        return self.given.get("strategy", [])

    @property
    def narrowed(self) -> bool:
        """Whether anything but a time is asked for."""
        return any(name not in ("period", *RANGE, "cursor") for name in self.given)


def query_of(given: Mapping[str, list[str]]) -> str:
    """Return fields as the query of an address, always in the same order."""
    pairs = [
        (name, value)
        for name in LABELS
        if name != "cursor"
        for value in given.get(name, [])
    ]
    return urlencode(pairs)


def asked_read(query: QueryDict, user_id: int) -> Asked:
    """Read an address; what is wrong with it is told in ``problems``."""
    given = _given(query)
    form = HistoryQuery(data=_plain(given))
    if not form.is_valid():
        return Asked(given=given, problems=_problems(form.errors, given))
    values = form.validated_data
    try:
        after = Cursor.parse(values["cursor"]) if "cursor" in values else None
    except BtcWatcherError as error:
        problem = _problem("cursor", given, error.message)
        return Asked(given=given, problems=[problem])
    return Asked(
        given=given,
        period=values.get("period", ""),
        wanted=choice_filter(form.wanted(), user_id, form.chosen()),
        after=after,
    )


def range_named(wanted: SignalFilter) -> tuple[datetime, datetime]:
    """Return the first and the last moment of a range on the clocks of the reader."""
    last = min(wanted.until - timedelta(seconds=1), timezone.now())
    return timezone.localtime(wanted.since), timezone.localtime(last)


def _given(query: QueryDict) -> dict[str, list[str]]:
    found = {}
    for name in LABELS:
        values = [text for each in query.getlist(name) if (text := each.strip())]
        if values:
            found[name] = values if name == "strategy" else values[-1:]
    if any(name in found for name in RANGE):
        found.pop("period", None)
        return found
    # So a filter has one address, and one of everything is told from no address.
    return {"period": [DEFAULT]} | found


def _plain(given: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        name: values if name == "strategy" else values[0]
        for name, values in given.items()
    }


def _problems(errors: Mapping[str, Any], given: Mapping[str, Any]) -> list[Problem]:
    return [_problem(name, given, _words(said)) for name, said in errors.items()]


def _problem(name: str, given: Mapping[str, list[str]], words: str) -> Problem:
    value = ", ".join(given.get(name, []))
    if len(value) > LONGEST_VALUE:
        value = f"{value[:LONGEST_VALUE]}…"
    return Problem(name, str(LABELS.get(name, name)), value, words)


def _words(said: Any) -> str:
    """Return the sentences of an error; those of a list stand by their places."""
    if isinstance(said, dict):
        return " ".join(_words(each) for each in said.values())
    if isinstance(said, list):
        return " ".join(_words(each) for each in said if each)
    return str(said)
